package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A playground is everything that runs.
type playground struct {
	*supervisor
	servers map[string]*server
	answer  answer
}

// upOptions say what to run and where.
type upOptions struct {
	eso    bool
	argocd bool
	lag    time.Duration // of the Connect server
	gates  string        // of the API server
	dir    string
	keep   bool
	env    string
}

// builds are where the programs are that run.
type builds struct {
	kubernetes map[string]string
	gitea      string
	eso        string
	esoCRDs    string
	argocd     map[string]string
	argocdCRDs string
	helm       string
}

func (o upOptions) provide() (builds, error) {
	var b builds
	var err error
	if b.kubernetes, err = controlPlane.provide(); err != nil {
		return b, err
	}
	programs, err := gitea.provide()
	if err != nil {
		return b, err
	}
	b.gitea = programs["gitea"]
	if o.eso {
		if programs, err = eso.provide(); err != nil {
			return b, err
		}
		b.eso = programs["eso"]
		if b.esoCRDs, err = folders["eso-crds"].provide(); err != nil {
			return b, err
		}
	}
	if o.argocd {
		if programs, err = helm.provide(); err != nil {
			return b, err
		}
		b.helm = programs["helm"]
		if b.argocd, err = argocd.provide(); err != nil {
			return b, err
		}
		if b.argocdCRDs, err = folders["argocd-crds"].provide(); err != nil {
			return b, err
		}
	}
	return b, nil
}

func up(o upOptions) error {
	// Before all else, so that no moment is left in which a signal would end
	// this process without what comes after.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()

	built, err := o.provide()
	if err != nil {
		return err
	}
	dir, keep := o.dir, o.keep
	if dir == "" {
		dir, err = os.MkdirTemp("", "kept-parts-")
	} else {
		keep = true // it is theirs
		dir, err = newDir(dir)
	}
	if err != nil {
		return err
	}

	ground, err := startAll(ctx, dir, o, built)
	if err == nil {
		if err = ground.answer.writeEnv(o.env); err == nil {
			ground.greet()
			err = ground.serve(ctx)
			os.Remove(o.env) // what it leads to is gone
		}
		ground.stopAll()
	}
	if ctx.Err() != nil {
		err = nil // being told to stop is no failure
	}
	if err != nil {
		say("%v", err)
		say("the logs are in %s", filepath.Join(dir, "logs"))
		return errReported
	}
	if keep {
		say("stopped; everything is left in %s", dir)
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("stopped, but not all was removed: %w", err)
	}
	say("stopped")
	return nil
}

// newDir makes sure of a directory that holds nothing yet.
func newDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty: name a new directory with --dir, or remove that one", dir)
	}
	return dir, nil
}

// startAll starts everything in dir. Another program may have taken a port
// since it was found free: then it starts over with others.
func startAll(ctx context.Context, dir string, o upOptions, built builds) (*playground, error) {
	for try := 1; ; try++ {
		ground, err := startOnce(ctx, dir, o, built)
		if err == nil {
			return ground, nil
		}
		if ground != nil {
			ground.stopAll()
			if try < 3 && ctx.Err() == nil && ground.portTaken() {
				say("a port was taken meanwhile, starting over")
				if err := removeContents(dir); err != nil {
					return nil, err
				}
				continue
			}
		}
		return nil, err
	}
}

func startOnce(ctx context.Context, dir string, o upOptions, built builds) (*playground, error) {
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o755); err != nil {
		return nil, err
	}
	ports, err := freePorts(13)
	if err != nil {
		return nil, err
	}
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("making a CA: %w", err)
	}
	k, err := newKubernetes(filepath.Join(dir, "kubernetes"), ca, built.kubernetes, o.gates, ports[:3])
	if err != nil {
		return nil, err
	}
	g, err := newGitea(filepath.Join(dir, "gitea"), built.gitea, ports[3], ports[6])
	if err != nil {
		return nil, err
	}

	ground := &playground{supervisor: newSupervisor(logs), servers: map[string]*server{}}
	all := append(k.servers, g.server)
	var e *esoServers
	if o.eso {
		e, err = newESO(filepath.Join(dir, "eso"), k, built, o.lag, ports[4:6])
		if err != nil {
			return nil, err
		}
		all = append(all, e.connect, e.operator)
	}
	var a *argocdServers
	if o.argocd {
		a, err = newArgoCD(filepath.Join(dir, "argocd"), k, built, ports[7:])
		if err != nil {
			return nil, err
		}
		all = append(all, a.servers...)
	}
	for _, server := range all {
		ground.servers[server.name] = server
	}

	// The two sides do not need each other: start both at once, and give up
	// both when one fails.
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var both sync.WaitGroup
	var kubernetesErr, giteaErr error
	both.Add(2)
	go func() {
		defer both.Done()
		for _, server := range k.servers {
			if kubernetesErr = ground.startTold(ctx, server); kubernetesErr != nil {
				giveUp()
				return
			}
		}
		if o.eso {
			kubernetesErr = e.start(ctx, ground)
		}
		if o.argocd && kubernetesErr == nil {
			kubernetesErr = a.start(ctx, ground)
		}
		if kubernetesErr != nil {
			giveUp()
		}
	}()
	go func() {
		defer both.Done()
		if giteaErr = ground.startTold(ctx, g.server); giteaErr == nil {
			giteaErr = g.createAdmin(ground.supervisor)
		}
		if giteaErr != nil {
			giveUp()
		}
	}()
	both.Wait()
	for _, err := range []error{kubernetesErr, giteaErr} {
		// The one that was given up says only that; the other says why.
		if err != nil && !errors.Is(err, context.Canceled) {
			return ground, err
		}
	}
	if err := errors.Join(kubernetesErr, giteaErr); err != nil {
		return ground, err
	}

	httpsURL, err := serveHTTPS(g.url, k.path("server.crt"), k.path("server.key"))
	if err != nil {
		return ground, fmt.Errorf("serving Gitea over HTTPS: %w", err)
	}
	ground.answer = answer{
		Kubeconfig:    k.kubeconfig,
		Kubectl:       built.kubernetes["kubectl"],
		APIServer:     k.url,
		Token:         k.token,
		AdminCert:     k.path("admin.crt"),
		AdminKey:      k.path("admin.key"),
		GiteaURL:      g.url,
		GiteaHTTPSURL: httpsURL,
		GiteaSSHURL:   g.sshURL(),
		GiteaHosts:    g.knownHosts(),
		GiteaUser:     g.user,
		GiteaPassword: g.password,
		GiteaRepos:    g.repositories(),
		GiteaDir:      g.dir,
		CAFile:        k.path("ca.crt"),
		Dir:           dir,
		Logs:          logs,
		PID:           os.Getpid(),
		PIDs:          map[string]int{},
	}
	if o.eso {
		ground.answer.ConnectURL, ground.answer.ConnectToken, ground.answer.ConnectVault = e.connectURL, e.token, connectVault
	}
	for name := range ground.servers {
		ground.answer.PIDs[name] = ground.pid(name)
	}
	return ground, nil
}

// startTold starts a server and shows the end of its log if it fails.
func (ground *playground) startTold(ctx context.Context, server *server) error {
	err := ground.start(ctx, server)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w\n%s", err, tail(ground.logFile(server.name)))
	}
	return err
}

// names lists the servers.
func (ground *playground) names() string {
	return strings.Join(slices.Sorted(maps.Keys(ground.servers)), ", ")
}

func (ground *playground) portTaken() bool {
	for name := range ground.servers {
		log, _ := os.ReadFile(ground.logFile(name))
		if strings.Contains(string(log), "address already in use") {
			return true
		}
	}
	return false
}

func removeContents(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// stopAll stops the servers; etcd last, as the API server writes to it until
// the end.
func (ground *playground) stopAll() {
	var others sync.WaitGroup
	for name := range ground.servers {
		if name != "etcd" {
			others.Add(1)
			go func() {
				defer others.Done()
				ground.stop(name)
			}()
		}
	}
	others.Wait()
	ground.stop("etcd")
	ground.mu.Lock()
	ground.killOrphans()
	ground.mu.Unlock()
}
