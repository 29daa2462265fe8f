package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	yaml3 "gopkg.in/yaml.v3"
	kubernetes "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type documents struct {
	Kubernetes []json.RawMessage `json:"documents"`
	V3         []any             `json:"v3"`
}

// readYAML reads the text twice, each time as a reader in the wild does. Both
// leave out documents that hold nothing.
func readYAML(text string) (*documents, error) {
	first, err := readAsKubernetes(text)
	if err != nil {
		return nil, fmt.Errorf("Kubernetes' YAML: %w", err)
	}
	second, err := readAsV3(text)
	if err != nil {
		return nil, fmt.Errorf("yaml.v3: %w", err)
	}
	return &documents{first, second}, nil
}

// readAsKubernetes splits the text and reads the documents with the code that
// kubectl uses: YAML 1.1, and no key twice.
func readAsKubernetes(text string) ([]json.RawMessage, error) {
	found := []json.RawMessage{}
	split := kubernetes.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for number := 1; ; number++ {
		document, err := split.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		var value []byte
		if err == nil {
			value, err = yaml.YAMLToJSONStrict(document)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", number, err)
		}
		if string(value) != "null" {
			found = append(found, value)
		}
	}
}

func readAsV3(text string) ([]any, error) {
	found := []any{}
	decoder := yaml3.NewDecoder(strings.NewReader(text))
	for number := 1; ; number++ {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", number, err)
		}
		if value != nil {
			found = append(found, withStringKeys(value))
		}
	}
}

// withStringKeys makes a value fit for JSON, as Kubernetes' reader does.
func withStringKeys(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = withStringKeys(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = withStringKeys(value[key])
		}
	case map[any]any:
		object := map[string]any{}
		for key := range value {
			object[fmt.Sprint(key)] = withStringKeys(value[key])
		}
		return object
	}
	return value
}
