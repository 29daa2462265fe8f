package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A kubernetes is a control plane without nodes: objects are stored, owned and
// removed as in a cluster, but no Pod ever runs.
type kubernetes struct {
	dir        string
	ca         *authority
	programs   map[string]string
	url        string
	token      string
	kubeconfig string
	servers    []*server // in the order they need each other
}

func newKubernetes(dir string, ca *authority, programs map[string]string, gates string, ports []int) (*kubernetes, error) {
	k := &kubernetes{
		dir:        dir,
		ca:         ca,
		programs:   programs,
		url:        fmt.Sprintf("https://127.0.0.1:%d", ports[1]),
		token:      rand.Text(),
		kubeconfig: filepath.Join(dir, "kubeconfig"),
	}
	if err := k.writeFiles(); err != nil {
		return nil, err
	}
	etcdURL := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	k.servers = []*server{
		k.etcd(etcdURL),
		k.apiServer(etcdURL, gates, ports[1]),
		k.controllerManager(ports[2]),
	}
	return k, nil
}

func (k *kubernetes) path(name string) string { return filepath.Join(k.dir, name) }

func (k *kubernetes) writeFiles() error {
	if err := os.MkdirAll(k.path("home"), 0o755); err != nil {
		return err
	}
	if err := k.ca.issueServer(k.path("server.crt"), k.path("server.key")); err != nil {
		return err
	}
	if err := k.ca.issueAdmin(k.path("admin.crt"), k.path("admin.key")); err != nil {
		return err
	}
	if _, err := writeKey(k.path("service-account.key")); err != nil {
		return err
	}
	if err := os.WriteFile(k.path("ca.crt"), k.ca.pem, 0o644); err != nil {
		return err
	}
	admin := k.token + ",admin,admin,system:masters\n"
	if err := os.WriteFile(k.path("tokens.csv"), []byte(admin), 0o600); err != nil {
		return err
	}
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
  - name: parts
    cluster:
      server: %s
      certificate-authority-data: %s
users:
  - name: admin
    user:
      token: %s
contexts:
  - name: parts
    context:
      cluster: parts
      user: admin
current-context: parts
`, k.url, base64.StdEncoding.EncodeToString(k.ca.pem), k.token)
	return os.WriteFile(k.kubeconfig, []byte(kubeconfig), 0o600)
}

func (k *kubernetes) etcd(url string) *server {
	return k.server("etcd", "etcd", []string{
		"--data-dir=" + k.path("etcd"),
		"--listen-client-urls=" + url,
		"--advertise-client-urls=" + url,
		// A single member talks to no peer: any free port will do.
		"--listen-peer-urls=http://127.0.0.1:0",
		"--unsafe-no-fsync", // the data need not survive a power cut
		"--log-level=warn",
	}, func(ctx context.Context) error {
		return k.answersOK(ctx, url+"/health")
	})
}

func (k *kubernetes) apiServer(etcdURL, gates string, port int) *server {
	return k.server("apiserver", "kube-apiserver", []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + k.path("server.crt"),
		"--tls-private-key-file=" + k.path("server.key"),
		"--cert-dir=" + k.path("certificates"),
		"--token-auth-file=" + k.path("tokens.csv"),
		"--client-ca-file=" + k.path("ca.crt"),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + k.path("service-account.key"),
		"--service-account-signing-key-file=" + k.path("service-account.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		// Pods may be created before their namespace has a ServiceAccount.
		"--disable-admission-plugins=ServiceAccount",
		// There is one API server, on a loopback address that no endpoint may have.
		"--endpoint-reconciler-type=none",
		// Tests create thousands of objects at a time.
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=3000",
		// Without it, a stop waits for all watches to be ended by those who watch.
		"--shutdown-watch-termination-grace-period=1s",
		"--feature-gates=" + gates,
	}, func(ctx context.Context) error {
		return k.answersOK(ctx, k.url+"/readyz")
	})
}

func (k *kubernetes) controllerManager(port int) *server {
	return k.server("controller-manager", "kube-controller-manager", []string{
		"--kubeconfig=" + k.kubeconfig,
		"--leader-elect=false",
		// What makes owners, namespaces and ServiceAccounts work; the others
		// look after things that need nodes.
		"--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller,serviceaccount-token-controller,root-ca-certificate-publisher-controller",
		"--service-account-private-key-file=" + k.path("service-account.key"),
		"--root-ca-file=" + k.path("ca.crt"),
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + k.path("server.crt"),
		"--tls-private-key-file=" + k.path("server.key"),
		"--authorization-always-allow-paths=/healthz",
	}, func(ctx context.Context) error {
		if err := k.answersOK(ctx, fmt.Sprintf("https://127.0.0.1:%d/healthz", port)); err != nil {
			return err
		}
		// The first thing that its controllers do in a new cluster.
		return k.answersOK(ctx, k.url+"/api/v1/namespaces/default/serviceaccounts/default")
	})
}

func (k *kubernetes) server(name, program string, args []string, ready func(context.Context) error) *server {
	return &server{
		name:  name,
		path:  k.programs[program],
		args:  args,
		dir:   k.dir,
		env:   privateEnv(k.path("home")),
		ready: ready,
	}
}

// answersOK says whether a GET with the admin's token succeeds.
func (k *kubernetes) answersOK(ctx context.Context, url string) error {
	return answersOK(ctx, k.client(), url, "Bearer "+k.token)
}

// client trusts the playground's own CA.
func (k *kubernetes) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(k.ca.certificate)
	return &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			DisableKeepAlives: true,
		},
	}
}

func answersOK(ctx context.Context, client *http.Client, url, authorization string) error {
	_, err := fetch(ctx, client, url, authorization)
	return err
}

// fetch gives the body of an answer that is 200.
func fetch(ctx context.Context, client *http.Client, url, authorization string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", authorization)
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %.500s", url, answer.Status, strings.TrimSpace(string(body)))
	}
	return body, err
}

// privateEnv is the environment of all servers: nothing of the developer's,
// neither settings in variables nor files in the home directory.
func privateEnv(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"TMPDIR=" + home,
		"LANG=C.UTF-8",
	}
}
