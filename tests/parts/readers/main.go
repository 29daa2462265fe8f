// Readers reads YAML, HCL and PromQL as Kubernetes, OpenTofu and Prometheus do,
// for tests of what kept writes: it may not be judged by the library that wrote
// it.
//
// Each line of JSON on stdin, {"yaml": TEXT}, {"hcl": TEXT} or {"promql": TEXT},
// is answered by a line of JSON on stdout: what was read, or {"error": TEXT}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "readers: %v\n", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if _, err := out.Write(reply(line)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func reply(line []byte) []byte {
	value, err := read(line)
	var text []byte
	if err == nil {
		text, err = encode(value)
	}
	if err != nil {
		// A map of strings always encodes.
		text, _ = encode(map[string]string{"error": err.Error()})
	}
	return text
}

func read(line []byte) (any, error) {
	var request struct{ YAML, HCL, PromQL *string }
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, fmt.Errorf("the line is not a JSON object of strings: %w", err)
	}
	switch {
	case request.YAML != nil && request.HCL == nil && request.PromQL == nil:
		return readYAML(*request.YAML)
	case request.HCL != nil && request.YAML == nil && request.PromQL == nil:
		return readHCL(*request.HCL)
	case request.PromQL != nil && request.YAML == nil && request.HCL == nil:
		return readPromQL(*request.PromQL)
	}
	return nil, errors.New(`the line has to be {"yaml": TEXT}, {"hcl": TEXT} or {"promql": TEXT}`)
}

func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value) // it ends the line
	return text.Bytes(), err
}
