package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// compiler is the C compiler that Go would run.
func compiler() string {
	out, err := exec.Command("go", "env", "CC").Output()
	// CC may hold arguments as well.
	if words := strings.Fields(string(out)); err == nil && len(words) > 0 {
		return words[0]
	}
	return "cc"
}

// check says which tools this machine needs, with what is still to be built,
// and which of them it has.
func check() error {
	missing := 0
	report := func(name, why, remedy string, err error) {
		if err == nil {
			fmt.Printf("ok       %-5s %s\n", name, why)
			return
		}
		missing++
		fmt.Printf("missing  %-5s %s: %v\n               %s\n", name, why, err, remedy)
	}
	inPath := func(name string) error {
		_, err := exec.LookPath(name)
		return err
	}

	report("git", "Gitea runs it, and tests push with it",
		"install the package git", inPath("git"))
	report("sh", "Gitea's repository hooks are scripts for it",
		"install a POSIX shell, such as the package dash", inPath("sh"))
	report("env", "Gitea's repository hooks find their shell with it",
		"install the package coreutils", inPath("env"))

	for _, p := range parts {
		if p.brought() != nil {
			continue
		}
		source, err := p.source()
		if err == nil {
			// It reads go.mod, so it also fails when Go is too old for the
			// part and may not fetch a newer one.
			if _, err = goCommand(source, "list", "-m").Output(); err != nil {
				err = explain(err)
			}
		}
		report("go", "builds "+p.binary,
			"install Go from https://go.dev/dl, at least the version in tests/parts/"+p.dir+"/go.mod", err)
		if p.cgo {
			report("cc", "builds "+p.binary+"'s SQLite",
				"install a C compiler and libc headers, such as the packages gcc and libc6-dev", inPath(compiler()))
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of the tools are missing: install them as said above, then run `parts check` again", missing)
	}
	return nil
}
