package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	cases := []struct{ name, kind, text, want string }{
		{"documents", "yaml", "a: 1\n---\n# nothing\n---\nb: |\n  ---\n  x\n",
			`{"documents":[{"a":1},{"b":"---\nx\n"}],"v3":[{"a":1},{"b":"---\nx\n"}]}`},
		{"YAML 1.1 differs", "yaml", "a: yes\nb: \"yes\"\n1: x\n",
			`{"documents":[{"1":"x","a":true,"b":"yes"}],"v3":[{"1":"x","a":"yes","b":"yes"}]}`},
		{"a key twice", "yaml", "a: 1\na: 2\n", `already set`},
		{"no YAML", "yaml", "a: [", `{"error":"Kubernetes' YAML: document 1:`},
		{"values", "hcl", `resource "gitea_org" "team_x" {
				name    = "a \"b\" $${c} %%{d} \u00e9"
				count   = 3
				private = true
				nothing = null
				ids     = [gitea_team.y.id, "z", gitea_team.all["k"].id]
				tags    = { "a b" = 1, c = gitea_team.y }
				lifecycle { prevent_destroy = true }
			}`,
			`{"blocks":[{"type":"resource","labels":["gitea_org","team_x"],"attributes":{"count":3,` +
				`"ids":[{"traversal":"gitea_team.y.id"},"z",{"traversal":"gitea_team.all[\"k\"].id"}],` +
				`"name":"a \"b\" ${c} %{d} é","nothing":null,"private":true,"tags":{"a b":1,"c":{"traversal":"gitea_team.y"}}},` +
				`"blocks":[{"type":"lifecycle","labels":[],"attributes":{"prevent_destroy":true}}]}]}`},
		{"reference", "hcl", "output \"id\" {\n value = gitea_org.team_x.id\n}",
			`{"blocks":[{"type":"output","labels":["id"],"attributes":{"value":{"traversal":"gitea_org.team_x.id"}}}]}`},
		{"no variables", "hcl", `a = "x${b}"`, `Variables not allowed`},
		{"no functions", "hcl", `a = file("x")`, `Function calls not allowed`},
		{"no HCL", "hcl", `a = "`, `{"error":"input.tf:1`},
		{"no PromQL", "promql", `sum by (a) (rate(b[5m])`, `unclosed left parenthesis`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			request, err := json.Marshal(map[string]string{c.kind: c.text})
			if err != nil {
				t.Fatal(err)
			}
			got := string(reply(request))
			if strings.HasPrefix(c.want, `{"blocks`) || strings.HasPrefix(c.want, `{"documents`) {
				c.want += "\n"
				if got != c.want {
					t.Errorf("got  %swant %s", got, c.want)
				}
			} else if !strings.HasPrefix(got, `{"error":`) || !strings.Contains(got, c.want) {
				t.Errorf("got  %swant an error with %s", got, c.want)
			}
		})
	}
}

func TestGoesOnAfterABadLine(t *testing.T) {
	var out strings.Builder
	in := "nonsense\n{}\n\n{\"yaml\":\"a: 1\"}"
	if err := serve(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "error") || !strings.Contains(lines[1], "error") ||
		lines[2] != `{"documents":[{"a":1}],"v3":[{"a":1}]}` {
		t.Errorf("got %q", lines)
	}
}
