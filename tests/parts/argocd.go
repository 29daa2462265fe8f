package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// argocdNamespace is where Argo CD looks for its settings and Applications.
const argocdNamespace = "argocd"

// An argocdServers is Argo CD without its web server: what reads repositories
// and applies what is in them.
type argocdServers struct {
	kubernetes *kubernetes
	crds       *server   // installs its CRDs, and ends
	settings   *server   // installs what it reads at its start, and ends
	servers    []*server // in the order they need each other
}

func newArgoCD(dir string, k *kubernetes, built builds, ports []int) (*argocdServers, error) {
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, folder := range []string{"home", "bin", "tls", "ssh", "gpg"} {
		if err := os.MkdirAll(path(folder), 0o700); err != nil {
			return nil, err
		}
	}
	// The repo server runs it for each commit. Modules come without execute bits.
	programs := filepath.Dir(built.argocd["argocd-repo-server"])
	const verify = "git-verify-wrapper.sh"
	script, err := os.ReadFile(filepath.Join(programs, "static", "hack", verify))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(path("bin"), verify), script, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path("settings.yaml"), []byte(argocdSettings()), 0o600); err != nil {
		return nil, err
	}
	address := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", ports[port]) }
	redis, repoServer, repoMetrics, metrics, webhook, probe := address(0), address(1), address(2), address(3), address(4), address(5)
	port := func(at int) string { return fmt.Sprint(ports[at]) }

	env := privateEnv(path("home"))
	names, err := serveNames()
	if err != nil {
		return nil, err
	}
	// It also calls helm, and itself to hand git a password.
	search := []string{path("bin"), programs, filepath.Dir(built.helm), os.Getenv("PATH")}
	env = append(env,
		"PATH="+strings.Join(search, ":"),
		"KUBECONFIG="+k.kubeconfig,
		"HTTPS_PROXY="+names,
		// So that https://kubernetes.default.svc is the cluster of the kubeconfig.
		"ARGOCD_FAKE_IN_CLUSTER=true",
		"ARGOCD_TLS_DATA_PATH="+path("tls"),
		"ARGOCD_SSH_DATA_PATH="+path("ssh"),
		"ARGOCD_GNUPGHOME="+path("gpg"),
		"ARGOCD_GPG_ENABLED=false", // no gpg is needed then
		// Else all that run on this machine would hand out passwords at one address in /tmp.
		"ARGOCD_ASK_PASS_SOCK="+path("ask-pass.sock"),
	)
	client := &http.Client{Timeout: 5 * time.Second}
	command := func(name, program, ready string, args ...string) *server {
		return &server{
			name: name,
			path: program,
			args: args,
			dir:  dir,
			env:  env,
			ready: func(ctx context.Context) error {
				return answersOK(ctx, client, "http://"+ready, "")
			},
		}
	}
	kubectl := func(name string, args ...string) *server {
		return command(name, built.kubernetes["kubectl"], "", args...)
	}
	a := &argocdServers{
		kubernetes: k,
		// They are too big for the annotation that a client-side apply adds.
		crds:     kubectl("argocd-crds", "apply", "--server-side", "-k", built.argocdCRDs),
		settings: kubectl("argocd-settings", "apply", "-f", path("settings.yaml")),
		servers: []*server{
			command("argocd-redis", built.argocd["argocd-redis"], "", "--address="+redis),
			command("argocd-repo-server", built.argocd["argocd-repo-server"], repoMetrics+"/healthz",
				"--address=127.0.0.1", "--port="+port(1), "--metrics-address=127.0.0.1", "--metrics-port="+port(2),
				"--redis="+redis, "--disable-tls", "--client-ca-path="),
			command("argocd-controller", built.argocd["argocd-application-controller"], metrics+"/healthz",
				"--kubeconfig="+k.kubeconfig, "--namespace="+argocdNamespace, "--metrics-port="+port(3),
				"--redis="+redis, "--repo-server="+repoServer, "--repo-server-plaintext",
				"--persist-resource-health"), // for tests to see it
			command("argocd-applicationsets", built.argocd["argocd-applicationset-controller"], "",
				"--kubeconfig="+k.kubeconfig, "--namespace="+argocdNamespace, "--metrics-addr=0",
				"--webhook-addr="+webhook, "--probe-addr="+probe,
				"--argocd-repo-server="+repoServer, "--repo-server-plaintext"),
		},
	}
	// These two have no page that says whether they are well.
	a.servers[0].ready = func(ctx context.Context) error { return listens(ctx, redis) }
	a.servers[3].ready = func(ctx context.Context) error { return listens(ctx, probe) }
	a.servers[1].leavesOrphans = true // git and helm
	return a, nil
}

func (a *argocdServers) start(ctx context.Context, ground *playground) error {
	if err := ground.run(a.crds); err != nil {
		return err
	}
	if err := a.kubernetes.untilServed(ctx); err != nil {
		return err
	}
	if err := ground.run(a.settings); err != nil {
		return err
	}
	for _, server := range a.servers {
		if err := ground.startTold(ctx, server); err != nil {
			return err
		}
	}
	return nil
}

// argocdSettings are the objects without which Argo CD does not start.
func argocdSettings() string {
	text := fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", argocdNamespace)
	object := func(kind, name, more string) {
		text += fmt.Sprintf("---\napiVersion: v1\nkind: %s\nmetadata:\n  name: %s\n  namespace: %s\n  labels: {app.kubernetes.io/part-of: argocd}\n%s",
			kind, name, argocdNamespace, more)
	}
	for _, name := range []string{"argocd-cm", "argocd-rbac-cm", "argocd-cmd-params-cm", "argocd-gpg-keys-cm", "argocd-tls-certs-cm", "argocd-ssh-known-hosts-cm"} {
		object("ConfigMap", name, "")
	}
	object("Secret", "argocd-secret", "stringData: {server.secretkey: "+rand.Text()+"}\n")
	// As an installation has it.
	text += fmt.Sprintf(`---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: %s}
spec:
  sourceRepos: ['*']
  destinations: [{server: '*', namespace: '*'}]
  clusterResourceWhitelist: [{group: '*', kind: '*'}]
`, argocdNamespace)
	return text
}
