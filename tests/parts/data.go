package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// A folder is a part of a module that is read as it is, not built.
type folder struct {
	dir    string // the folder here whose go.mod and go.sum pin the module
	module string
	path   string // within the module
}

var folders = map[string]folder{
	"argocd-crds":    {"argocd", "github.com/argoproj/argo-cd/v3", "manifests/crds"},
	"eso-crds":       {"eso", "github.com/external-secrets/external-secrets", "config/crds/bases"},
	"vcluster-chart": {"data", "github.com/loft-sh/vcluster", "chart"},
}

func folderNames() []string {
	return slices.Sorted(maps.Keys(folders))
}

// provide gives the folder's place in Go's module cache, fetching the module
// if it is not there.
func (f folder) provide() (string, error) {
	source, err := sourceDir(f.dir)
	if err != nil {
		return "", err
	}
	module, err := moduleDir(source, f.module)
	if err != nil {
		return "", err
	}
	return filepath.Join(module, filepath.FromSlash(f.path)), nil
}

// moduleDir gives the place of a module in Go's module cache, at the version
// that the go.mod in dir names. Go compares what it fetches with the go.sum.
func moduleDir(dir, module string) (string, error) {
	out, err := goCommand(dir, "mod", "download", "-json", module).Output()
	var found struct{ Dir, Error string }
	if json.Unmarshal(out, &found) == nil && found.Error != "" {
		return "", fmt.Errorf("fetching %s: %s", module, found.Error)
	}
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", module, explain(err))
	}
	return found.Dir, nil
}
