package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// untilServed waits until every kind that was defined is served. A program
// that asks for one sooner takes it for missing, and ends.
func (k *kubernetes) untilServed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := k.servesAll(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the new kinds: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (k *kubernetes) servesAll(ctx context.Context) error {
	var definitions struct {
		Items []struct {
			Spec struct {
				Group    string
				Names    struct{ Plural string }
				Versions []struct {
					Name   string
					Served bool
				}
			}
		}
	}
	if err := k.get(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definitions); err != nil {
		return err
	}
	served := map[string]map[string]bool{} // by group and version, the plurals
	for _, definition := range definitions.Items {
		spec := definition.Spec
		for _, version := range spec.Versions {
			if !version.Served {
				continue
			}
			path := "/apis/" + spec.Group + "/" + version.Name
			if served[path] == nil {
				var list struct{ Resources []struct{ Name string } }
				if err := k.get(ctx, path, &list); err != nil {
					return err
				}
				served[path] = map[string]bool{}
				for _, resource := range list.Resources {
					served[path][resource.Name] = true
				}
			}
			if !served[path][spec.Names.Plural] {
				return fmt.Errorf("%s has no %s", path, spec.Names.Plural)
			}
		}
	}
	return nil
}

// get reads an object from the API server as its administrator.
func (k *kubernetes) get(ctx context.Context, path string, into any) error {
	body, err := fetch(ctx, k.client(), k.url+path, "Bearer "+k.token)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}
