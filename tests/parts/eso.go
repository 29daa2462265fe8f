package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"kept/parts/connect"
)

// connectVault is the name of the vault that the Connect server has.
const connectVault = "homelab"

// An esoServers is the External Secrets Operator and a 1Password Connect
// server that it may use.
type esoServers struct {
	kubernetes *kubernetes
	crds       *server // installs the operator's CRDs, and ends
	connect    *server
	operator   *server
	connectURL string
	token      string
}

func newESO(dir string, k *kubernetes, built builds, lag time.Duration, ports []int) (*esoServers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 5 * time.Second}
	answers := func(url string) func(context.Context) error {
		return func(ctx context.Context) error { return answersOK(ctx, client, url, "") }
	}
	connectAddress := fmt.Sprintf("127.0.0.1:%d", ports[0])
	liveAddress := fmt.Sprintf("127.0.0.1:%d", ports[1])
	env := append(privateEnv(home), "KUBECONFIG="+k.kubeconfig)
	token := rand.Text()
	return &esoServers{
		kubernetes: k,
		crds: &server{
			name: "eso-crds",
			path: built.kubernetes["kubectl"],
			// They are too big for the annotation that a client-side apply adds.
			args: []string{"apply", "--server-side", "-k", built.esoCRDs},
			dir:  dir,
			env:  env,
		},
		connect: &server{
			name:  "connect",
			path:  self,
			args:  []string{"connect", "--address", connectAddress, "--file", filepath.Join(dir, "items.json"), "--lag", lag.String()},
			dir:   dir,
			env:   append(privateEnv(home), "OP_CONNECT_TOKEN="+token),
			ready: answers("http://" + connectAddress + "/heartbeat"),
		},
		operator: &server{
			name:  "eso",
			path:  built.eso,
			args:  []string{"--metrics-addr=0", "--live-addr=" + liveAddress},
			dir:   dir,
			env:   env,
			ready: answers("http://" + liveAddress + "/healthz"),
		},
		connectURL: "http://" + connectAddress,
		token:      token,
	}, nil
}

func (e *esoServers) start(ctx context.Context, ground *playground) error {
	if err := ground.run(e.crds); err != nil {
		return err
	}
	if err := e.kubernetes.untilServed(ctx); err != nil {
		return err
	}
	if err := ground.startTold(ctx, e.connect); err != nil {
		return err
	}
	return ground.startTold(ctx, e.operator)
}

// serveConnect is the Connect server: this program, started by itself.
func serveConnect(args []string) error {
	flags := flag.NewFlagSet("connect", flag.ExitOnError)
	address := flags.String("address", "", "listen on this `HOST:PORT`")
	file := flags.String("file", "", "keep the items in this `FILE`")
	lag := flags.Duration("lag", 0, "reads see a write only after this `TIME`")
	flags.Parse(args)
	return connect.Serve(connect.Options{
		Address: *address,
		Token:   os.Getenv("OP_CONNECT_TOKEN"),
		Vault:   connectVault,
		File:    *file,
		Lag:     *lag,
	})
}
