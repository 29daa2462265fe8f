package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// An answer is one line of JSON on stdout: what a test needs to know.
type answer struct {
	Kubeconfig    string         `json:"kubeconfig"`
	Kubectl       string         `json:"kubectl"`
	APIServer     string         `json:"apiServer"`
	Token         string         `json:"token"`
	AdminCert     string         `json:"adminCertificate"`
	AdminKey      string         `json:"adminKey"`
	GiteaURL      string         `json:"giteaUrl"`
	GiteaHTTPSURL string         `json:"giteaHttpsUrl"`
	GiteaSSHURL   string         `json:"giteaSshUrl"`
	GiteaHosts    string         `json:"giteaKnownHosts"`
	GiteaUser     string         `json:"giteaUser"`
	GiteaPassword string         `json:"giteaPassword"`
	GiteaRepos    string         `json:"giteaRepos"`
	GiteaDir      string         `json:"giteaDir"`
	ConnectURL    string         `json:"connectUrl,omitempty"`
	ConnectToken  string         `json:"connectToken,omitempty"`
	ConnectVault  string         `json:"connectVault,omitempty"`
	CAFile        string         `json:"caFile"`
	Dir           string         `json:"dir"`
	Logs          string         `json:"logs"`
	PID           int            `json:"pid"`
	PIDs          map[string]int `json:"pids"`
}

// writeEnv writes what a shell needs to use the playground, if a file is named.
func (a *answer) writeEnv(file string) error {
	if file == "" {
		return nil
	}
	text := fmt.Sprintf("export KUBECONFIG='%s' PATH='%s':\"$PATH\"\nexport GITEA_URL='%s' GITEA_USER='%s' GITEA_PASSWORD='%s'\n",
		a.Kubeconfig, filepath.Dir(a.Kubectl), a.GiteaURL, a.GiteaUser, a.GiteaPassword)
	if a.ConnectURL != "" {
		text += fmt.Sprintf("export OP_CONNECT_HOST='%s' OP_CONNECT_TOKEN='%s'\n", a.ConnectURL, a.ConnectToken)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

func (ground *playground) greet() {
	a := ground.answer
	printLine(a)
	fmt.Fprintf(os.Stderr, `
Kubernetes and Gitea are running. Objects are stored, but no Pod will run.

  export KUBECONFIG=%s
  alias kubectl=%s
  kubectl get namespaces

  Gitea      %s
             %s, with the CA %s
  user       %s
  password   %s
  logs       %s

`, a.Kubeconfig, a.Kubectl, a.GiteaURL, a.GiteaHTTPSURL, a.CAFile, a.GiteaUser, a.GiteaPassword, a.Logs)
	if a.ConnectURL != "" {
		fmt.Fprintf(os.Stderr, `
  1Password  %s, the vault %s
  token      %s
`, a.ConnectURL, a.ConnectVault, a.ConnectToken)
	}
	fmt.Fprintf(os.Stderr, `
End with Ctrl-C. Commands on standard input: stop, start or kill, and one of
%s.
`, ground.names())
}

func printLine(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain structs of ours
	}
	fmt.Println(string(line))
}
