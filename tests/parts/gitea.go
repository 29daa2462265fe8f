package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

type giteaServer struct {
	dir      string
	program  string
	url      string
	sshPort  int
	hostKey  string // as known_hosts has it
	user     string
	password string
	server   *server
}

func newGitea(dir, program string, port, sshPort int) (*giteaServer, error) {
	g := &giteaServer{
		dir:      dir,
		program:  program,
		url:      fmt.Sprintf("http://127.0.0.1:%d", port),
		sshPort:  sshPort,
		user:     "keeper",
		password: rand.Text(),
	}
	if err := os.MkdirAll(g.path("home"), 0o755); err != nil {
		return nil, err
	}
	if err := g.makeHostKey(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(g.path("app.ini"), []byte(g.config(port)), 0o600); err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 5 * time.Second}
	g.server = g.command("gitea", "web")
	g.server.leavesOrphans = true // git, and the hooks it runs
	g.server.ready = func(ctx context.Context) error {
		return answersOK(ctx, client, g.url+"/api/healthz", "")
	}
	return g, nil
}

func (g *giteaServer) path(name string) string { return filepath.Join(g.dir, name) }

func (g *giteaServer) repositories() string { return g.path("repositories") }

// makeHostKey makes the key that Gitea's SSH server shows. One of its own
// making would be RSA, and take seconds.
func (g *giteaServer) makeHostKey() error {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	const kind = "ssh-ed25519"
	var wire []byte
	for _, part := range [][]byte{[]byte(kind), public} {
		wire = append(binary.BigEndian.AppendUint32(wire, uint32(len(part))), part...)
	}
	g.hostKey = kind + " " + base64.StdEncoding.EncodeToString(wire)
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return os.WriteFile(g.path("host_key"), text, 0o600)
}

// sshURL is where repositories are found over SSH.
func (g *giteaServer) sshURL() string { return fmt.Sprintf("ssh://git@127.0.0.1:%d", g.sshPort) }

// knownHosts is the line that makes the SSH server known.
func (g *giteaServer) knownHosts() string {
	return fmt.Sprintf("[127.0.0.1]:%d %s", g.sshPort, g.hostKey)
}

// config is app.ini: everything in one directory, nothing that calls out,
// nothing that runs on its own.
func (g *giteaServer) config(port int) string {
	root := ""
	if os.Geteuid() == 0 {
		root = "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\n"
	}
	// A Gitea that was brought along may carry these files inside.
	static := ""
	if dir := filepath.Join(filepath.Dir(g.program), "static"); exists(dir) {
		static = "STATIC_ROOT_PATH = " + dir + "\n"
	}
	return root + fmt.Sprintf(`APP_NAME = kept parts
WORK_PATH = %[1]s

[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[2]d
ROOT_URL = %[3]s/
APP_DATA_PATH = %[1]s/data
START_SSH_SERVER = true
SSH_DOMAIN = 127.0.0.1
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = %[5]d
SSH_PORT = %[5]d
SSH_USER = git
BUILTIN_SSH_SERVER_USER = git
SSH_SERVER_HOST_KEYS = %[1]s/host_key
LFS_START_SERVER = false
OFFLINE_MODE = true
%[4]s
[database]
DB_TYPE = sqlite3
PATH = %[1]s/gitea.db
SQLITE_JOURNAL_MODE = WAL
SQLITE_TIMEOUT = 10000

[security]
INSTALL_LOCK = true
; Tests log in with the password on every request: a weak hash saves them
; tens of milliseconds each time.
PASSWORD_HASH_ALGO = pbkdf2$100$50

[service]
DISABLE_REGISTRATION = true

[repository]
ROOT = %[1]s/repositories
SCRIPT_TYPE = sh
DEFAULT_BRANCH = main

; So that Gitea may call the programs under test, which run beside it.
[webhook]
ALLOWED_HOST_LIST = loopback

[migrations]
ALLOW_LOCALNETWORKS = true

[indexer]
ISSUE_INDEXER_TYPE = db

[log]
MODE = console
LEVEL = Warn

[actions]
ENABLED = false

; Tests publish charts.
[packages]
ENABLED = true

[mailer]
ENABLED = false

[cron]
ENABLED = false

[cron.update_checker]
ENABLED = false
`, g.dir, port, g.url, static, g.sshPort)
}

// createAdmin makes the only user. The server must be running: it has made
// the database.
func (g *giteaServer) createAdmin(s *supervisor) error {
	return s.run(g.command("gitea-admin", "admin", "user", "create", "--admin",
		"--username", g.user, "--password", g.password,
		"--email", g.user+"@example.com", "--must-change-password=false"))
}

func (g *giteaServer) command(name string, args ...string) *server {
	return &server{
		name: name,
		path: g.program,
		args: append([]string{"--config", g.path("app.ini")}, args...),
		dir:  g.dir,
		env: append(privateEnv(g.path("home")),
			"GITEA_WORK_DIR="+g.dir,
			"GIT_CONFIG_NOSYSTEM=1"), // git's settings are Gitea's own alone
	}
}
