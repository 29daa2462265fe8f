package main

import "github.com/prometheus/prometheus/promql/parser"

// readPromQL answers with the expression as Prometheus writes it.
func readPromQL(text string) (any, error) {
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	return map[string]string{"expression": expression.String()}, nil
}
