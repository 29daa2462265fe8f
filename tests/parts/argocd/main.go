// Argo CD as far as kept is tested against it, as one binary: the application
// controller, the ApplicationSet controller, the repo server with its helper
// for git's passwords, and a Redis for their cache.
//
// It acts as the program it is called as. Argo CD itself calls the helper
// `argocd`, and says by a variable what to be.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	applicationset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

var programs = map[string]func() *cobra.Command{
	"argocd-application-controller":    controller.NewCommand,
	"argocd-applicationset-controller": applicationset.NewCommand,
	"argocd-git-ask-pass":              askpass.NewCommand,
	"argocd-repo-server":               reposerver.NewCommand,
	"argocd-redis":                     newRedis,
}

func main() {
	name := filepath.Base(os.Args[0])
	if wanted := os.Getenv("ARGOCD_BINARY_NAME"); wanted != "" {
		name = wanted
	}
	newCommand := programs[name]
	if newCommand == nil {
		fmt.Fprintf(os.Stderr, "no program of Argo CD's that this binary has is called %q: call it by a link with a program's name\n", name)
		os.Exit(2)
	}
	if newCommand().Execute() != nil {
		os.Exit(1)
	}
}
