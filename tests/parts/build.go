package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func buildAll() error {
	for _, p := range parts {
		programs, err := p.provide()
		if err != nil {
			return err
		}
		for _, name := range p.programs {
			say("%s is %s", name, programs[name])
		}
	}
	for _, name := range folderNames() {
		path, err := folders[name].provide()
		if err != nil {
			return err
		}
		say("%s is %s", name, path)
	}
	return nil
}

// provide gives the path of each program of a part: the machine's own ones, or
// those in the cache, built first if they are missing.
func (p *part) provide() (map[string]string, error) {
	if programs := p.brought(); programs != nil {
		return programs, nil
	}
	source, err := p.source()
	if err != nil {
		return nil, err
	}
	key, err := p.key(source)
	if err != nil {
		return nil, err
	}
	cache, err := cacheRoot()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, p.binary+"-"+key)
	if !exists(dir) {
		if err := p.buildInto(dir, source); err != nil {
			return nil, err
		}
	}
	programs := map[string]string{}
	for _, name := range p.programs {
		programs[name] = filepath.Join(dir, name)
	}
	return programs, nil
}

func cacheRoot() (string, error) {
	if dir := os.Getenv("KEPT_PARTS_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "kept-parts"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place for the cache: %w: set KEPT_PARTS_CACHE to a directory", err)
	}
	return filepath.Join(home, ".cache", "kept-parts"), nil
}

// buildInto builds the part so that dir appears at once and whole, or not at
// all. Of two that build at the same time the second waits and finds it done.
func (p *part) buildInto(dir, source string) error {
	cache := filepath.Dir(dir)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("making the cache: %w: set KEPT_PARTS_CACHE to a directory that can be written", err)
	}
	unlock, err := lock(filepath.Join(cache, p.binary+".lock"), "another build of "+p.binary)
	if err != nil {
		return err
	}
	defer unlock()
	if exists(dir) {
		return nil
	}

	// Under the lock nobody else is building: what lies here is left over.
	building := filepath.Join(cache, p.binary+".building")
	if err := os.RemoveAll(building); err != nil {
		return err
	}
	if err := os.Mkdir(building, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(building) // there is none left if all went well
	logFile := filepath.Join(cache, p.binary+".log")
	compiled := source
	if p.copied != "" {
		compiled = filepath.Join(cache, p.binary+".source")
		defer os.RemoveAll(compiled)
		if err := p.copyModule(source, compiled); err != nil {
			return err
		}
	}
	if err := p.compile(compiled, filepath.Join(building, p.binary), logFile); err != nil {
		return err
	}
	for _, name := range p.programs {
		if name != p.binary {
			if err := os.Symlink(p.binary, filepath.Join(building, name)); err != nil {
				return err
			}
		}
	}
	if err := p.copyStatic(source, filepath.Join(building, "static")); err != nil {
		return err
	}
	return os.Rename(building, dir)
}

func (p *part) compile(source, binary, logFile string) error {
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	main := "."
	if p.main != "" {
		main = p.main
	}
	// -v makes the log a list of the packages compiled: the progress.
	cmd := goCommand(source, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false",
		"-tags", p.tags, "-ldflags", "-s -w "+p.ldflags, "-o", binary, main)
	cgo := "CGO_ENABLED=0"
	if p.cgo {
		cgo = "CGO_ENABLED=1"
	}
	cmd.Env = append(cmd.Env, cgo)
	cmd.Stdout, cmd.Stderr = log, log

	started := time.Now()
	say("building %s, log in %s", p.binary, logFile)
	if err := startChild(cmd); err != nil {
		return fmt.Errorf("building %s: %w: see `parts check`", p.binary, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for tick := time.NewTicker(30 * time.Second); ; {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("building %s in %s: %w\n%s\nwhole log: %s\nsee `parts check` for missing tools", p.binary, source, err, tail(logFile), logFile)
			}
			say("built %s in %s", p.binary, time.Since(started).Round(time.Second))
			return nil
		case <-tick.C:
			text, _ := os.ReadFile(logFile)
			say("building %s: %d packages in %s", p.binary, bytes.Count(text, []byte("\n")), time.Since(started).Round(time.Second))
		}
	}
}

func (p *part) copyStatic(source, to string) error {
	if p.staticModule == "" {
		return nil
	}
	module, err := moduleDir(source, p.staticModule)
	if err != nil {
		return err
	}
	for _, folder := range p.staticFolders {
		if err := os.CopyFS(filepath.Join(to, folder), os.DirFS(filepath.Join(module, folder))); err != nil {
			return fmt.Errorf("copying %s of %s: %w", folder, p.staticModule, err)
		}
	}
	return nil
}

// copyModule copies the module to be built and lays the overlay over it.
func (p *part) copyModule(source, to string) error {
	module, err := moduleDir(source, p.copied)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(module)); err != nil {
		return fmt.Errorf("copying %s: %w", p.copied, err)
	}
	overlay := os.DirFS(filepath.Join(source, "overlay"))
	return fs.WalkDir(overlay, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(overlay, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), text, 0o644)
	})
}

// lock waits for a lock that ends with this process, whatever ends it.
func lock(path, holder string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		say("waiting for %s", holder)
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
	}
	return func() { file.Close() }, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tail is the end of a log, enough to see what went wrong.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 30 {
		lines = lines[len(lines)-30:]
	}
	return strings.Join(lines, "\n")
}
