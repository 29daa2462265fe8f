package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

type body struct {
	Blocks     []block        `json:"blocks"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

type block struct {
	Type       string         `json:"type"`
	Labels     []string       `json:"labels"`
	Attributes map[string]any `json:"attributes"`
	Blocks     []block        `json:"blocks,omitempty"`
}

// readHCL parses the text and evaluates its attributes. There are no variables
// and no functions, so whatever text that was meant literally comes alive as
// an expression is an error.
func readHCL(text string) (*body, error) {
	file, problems := hclsyntax.ParseConfig([]byte(text), "input.tf", hcl.InitialPos)
	if problems.HasErrors() {
		return nil, problems
	}
	attributes, blocks, err := readBody(file.Body.(*hclsyntax.Body))
	if err != nil {
		return nil, err
	}
	return &body{blocks, attributes}, nil
}

func readBody(from *hclsyntax.Body) (map[string]any, []block, error) {
	attributes := map[string]any{}
	for name, attribute := range from.Attributes {
		value, err := readExpression(attribute.Expr)
		if err != nil {
			return nil, nil, err
		}
		attributes[name] = value
	}
	blocks := []block{}
	for _, inner := range from.Blocks {
		innerAttributes, innerBlocks, err := readBody(inner.Body)
		if err != nil {
			return nil, nil, err
		}
		labels := append([]string{}, inner.Labels...) // never null
		blocks = append(blocks, block{inner.Type, labels, innerAttributes, innerBlocks})
	}
	return attributes, blocks, nil
}

// readExpression gives a value, or {"traversal": TEXT} for a reference to
// something else, also inside lists and objects.
func readExpression(expression hclsyntax.Expression) (any, error) {
	switch expression := expression.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		text, err := traversal(expression.Traversal)
		return map[string]string{"traversal": text}, err
	case *hclsyntax.TupleConsExpr:
		list := []any{}
		for _, item := range expression.Exprs {
			value, err := readExpression(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case *hclsyntax.ObjectConsExpr:
		object := map[string]any{}
		for _, item := range expression.Items {
			key, problems := item.KeyExpr.Value(nil)
			if problems.HasErrors() {
				return nil, problems
			}
			if key.IsNull() || key.Type() != cty.String {
				return nil, fmt.Errorf("%s: the key is not a string", item.KeyExpr.Range())
			}
			value, err := readExpression(item.ValueExpr)
			if err != nil {
				return nil, err
			}
			object[key.AsString()] = value
		}
		return object, nil
	}
	value, problems := expression.Value(nil)
	if problems.HasErrors() {
		return nil, problems
	}
	text, err := ctyjson.Marshal(value, value.Type())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expression.Range(), err)
	}
	return json.RawMessage(text), nil
}

func traversal(steps hcl.Traversal) (string, error) {
	var text strings.Builder
	for _, step := range steps {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			text.WriteString(step.Name)
		case hcl.TraverseAttr:
			text.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String {
				text.WriteString("[" + strconv.Quote(step.Key.AsString()) + "]")
			} else {
				text.WriteString("[" + step.Key.AsBigFloat().String() + "]")
			}
		default:
			return "", fmt.Errorf("%s: a reference of a kind that is not expected here", step.SourceRange())
		}
	}
	return text.String(), nil
}
