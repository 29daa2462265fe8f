package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A part is one Go module beside this one, built into one binary.
type part struct {
	dir      string   // its folder here, relative to this one
	binary   string   // what is built
	programs []string // what the binary can be run as
	// main is the package to build, or else the one in the folder.
	main string
	// copied names a module that is itself built, from a copy of it over
	// which the folder's overlay is laid.
	copied  string
	cgo     bool
	tags    string
	ldflags string
	// static names a module and the folders of it that the binary reads when
	// it runs. They are copied beside the binary, so that it outlives a
	// cleaning of the module cache.
	staticModule  string
	staticFolders []string
	// bringable says that a machine which has all the programs already may
	// lend them, so that nothing is built.
	bringable bool
}

const (
	kubernetesVersion = "v1.36.3"
	giteaVersion      = "v1.26.0"
	helmVersion       = "v3.22.0"
	argocdVersion     = "3.5.7"
)

var (
	controlPlane = &part{
		dir:      "kubernetes",
		binary:   "control-plane",
		programs: []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"},
		// Without a version the API server says v0.0.0-master, which clients
		// that compare versions stumble over.
		ldflags: "-X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
			" -X k8s.io/component-base/version.gitMajor=1" +
			" -X k8s.io/component-base/version.gitMinor=36" +
			" -X k8s.io/component-base/version.gitTreeState=clean",
		bringable: true,
	}
	gitea = &part{
		dir:           "gitea",
		binary:        "gitea",
		programs:      []string{"gitea"},
		cgo:           true, // for SQLite
		tags:          "sqlite sqlite_unlock_notify",
		ldflags:       "-X main.Version=" + giteaVersion,
		staticModule:  "code.gitea.io/gitea",
		staticFolders: []string{"options", "public", "templates"},
		bringable:     true,
	}
	readers = &part{
		dir:      "readers",
		binary:   "readers",
		programs: []string{"readers"},
	}
	helm = &part{
		dir:      "helm",
		binary:   "helm",
		programs: []string{"helm"},
		main:     "helm.sh/helm/v3/cmd/helm",
		// Helm's own release build names the Kubernetes of its client-go, which
		// charts see in .Capabilities.
		ldflags: "-X helm.sh/helm/v3/internal/version.version=" + helmVersion +
			" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1" +
			" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37",
	}
	eso = &part{
		dir:      "eso",
		binary:   "eso",
		programs: []string{"eso"},
		copied:   "github.com/external-secrets/external-secrets",
	}
	argocd = &part{
		dir:    "argocd",
		binary: "argocd",
		programs: []string{"argocd-application-controller", "argocd-applicationset-controller",
			"argocd-git-ask-pass", "argocd-redis", "argocd-repo-server"},
		ldflags:       "-X github.com/argoproj/argo-cd/v3/common.version=" + argocdVersion,
		staticModule:  "github.com/argoproj/argo-cd/v3",
		staticFolders: []string{"hack"}, // the script that reads a commit's signature
	}
	// In order of the time they take, the shortest first: a mistake in the
	// setup shows early.
	parts = []*part{readers, helm, eso, argocd, gitea, controlPlane}
)

func partOf(program string) (*part, error) {
	var known []string
	for _, p := range parts {
		for _, name := range p.programs {
			if name == program {
				return p, nil
			}
			known = append(known, name)
		}
	}
	known = append(known, folderNames()...)
	return nil, fmt.Errorf("no part is called %q: there are %s", program, strings.Join(known, ", "))
}

// brought finds the part's programs on this machine, in KUBEBUILDER_ASSETS or
// else in PATH. A set that is not whole is no use: mixed with built programs
// its versions might not go together.
func (p *part) brought() map[string]string {
	if !p.bringable {
		return nil
	}
	found := map[string]string{}
	for _, name := range p.programs {
		path := ""
		if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
			path, _ = exec.LookPath(filepath.Join(assets, name))
		}
		if path == "" {
			path, _ = exec.LookPath(name)
		}
		if path == "" {
			return nil
		}
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		found[name] = path
	}
	return found
}

// source is the part's folder. The harness builds from the checkout it was
// itself built from, wherever it is started.
func (p *part) source() (string, error) { return sourceDir(p.dir) }

func sourceDir(name string) (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), name)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("there is no go.mod in %s: run this command from a checkout, as in `go -C tests/parts run . build`", dir)
	}
	return dir, nil
}

// key names one state of everything the binary is made of, so that a cached
// one is used exactly as long as it would come out the same.
func (p *part) key(source string) (string, error) {
	version, err := goCommand(source, "version").Output()
	if err != nil {
		return "", fmt.Errorf("`go version` in %s: %w: install Go, see `parts check`", source, explain(err))
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%v\n", version, *p)
	err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := entry.Name()
		isSource := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !isSource && name != "go.mod" && name != "go.sum" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n%s\n", relative, len(text), text)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("reading the sources in %s: %w", source, err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// goCommand is a go command in the folder of a part. A go.work that happens
// to lie above would change what is built.
func goCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	return cmd
}

// explain adds to a failed command's exit code what it said.
func explain(err error) error {
	if exit, ok := err.(*exec.ExitError); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}
