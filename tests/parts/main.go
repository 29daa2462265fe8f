// Parts builds and runs the real programs kept is tested against: etcd,
// kube-apiserver, kube-controller-manager, kubectl, Gitea, Helm, the External
// Secrets Operator and Argo CD, as plain processes, without containers. It serves
// the tests and people alike.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

const usage = `usage: parts COMMAND

  build                     build the parts that are missing from the cache
  check                     say which tools are missing on this machine
  path NAME                 print where a program is, building it if missing:
                            etcd, kube-apiserver, kube-controller-manager,
                            kubectl, gitea, readers, helm, eso, argocd-...; or
                            a folder: argocd-crds, eso-crds, vcluster-chart
  up [--eso] [--argocd] [--feature-gates FEATURES] [--dir DIR] [--keep] [--env FILE]
                            run all servers until stdin ends or Ctrl-C
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	command, args := os.Args[1], os.Args[2:]
	var err error
	switch {
	case command == "build" && len(args) == 0:
		err = buildAll()
	case command == "check" && len(args) == 0:
		err = check()
	case command == "path" && len(args) == 1:
		err = printPath(args[0])
	case command == "up":
		var o upOptions
		flags := flag.NewFlagSet("up", flag.ExitOnError)
		flags.BoolVar(&o.eso, "eso", false, "also run the External Secrets Operator and a 1Password Connect server")
		flags.BoolVar(&o.argocd, "argocd", false, "also run Argo CD's controllers and its repo server")
		flags.DurationVar(&o.lag, "connect-lag", 300*time.Millisecond, "have reads of the Connect server see a write only after this `TIME`")
		flags.StringVar(&o.gates, "feature-gates", "", "have the API server turn its `FEATURES` on or off: WatchList=false")
		flags.StringVar(&o.dir, "dir", "", "run in `DIR`, new or empty, and leave it in place at the end (default: a temporary directory)")
		flags.BoolVar(&o.keep, "keep", false, "do not remove the temporary directory at the end")
		flags.StringVar(&o.env, "env", "", "write a `FILE` for shells to read: KUBECONFIG, PATH, GITEA_URL, GITEA_USER, GITEA_PASSWORD, OP_CONNECT_HOST, OP_CONNECT_TOKEN")
		flags.Parse(args)
		if flags.NArg() > 0 {
			err = fmt.Errorf("up: unexpected argument %q", flags.Arg(0))
			break
		}
		err = up(o)
	case command == "connect":
		err = serveConnect(args)
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintf(os.Stderr, "parts %s: %v\n", command, err)
		}
		os.Exit(1)
	}
}

// errReported ends the program with exit code 1 when everything there is to
// say has been printed already.
var errReported = errors.New("already reported")

func printPath(name string) error {
	if f, known := folders[name]; known {
		path, err := f.provide()
		if err == nil {
			fmt.Println(path)
		}
		return err
	}
	p, err := partOf(name)
	if err != nil {
		return err
	}
	programs, err := p.provide()
	if err != nil {
		return err
	}
	fmt.Println(programs[name])
	return nil
}

// say tells people what is going on. Stdout is for the answers programs read.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "parts: "+format+"\n", args...)
}
