package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	readyWithin = 60 * time.Second // a loaded machine is slow; a working one takes seconds
	stopWithin  = 5 * time.Second
)

// A server is a program to run: how to start it and how to see it is ready.
type server struct {
	name  string
	path  string
	args  []string
	dir   string
	env   []string
	ready func(context.Context) error
	// leavesOrphans says that it runs programs of its own, which may outlive it.
	leavesOrphans bool
}

// A process is a server that was started.
type process struct {
	server *server
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	state  state
}

type state int

const (
	starting state = iota
	running        // an end from here on is unexpected
	stopping
)

// A supervisor runs servers and tells when one ends by itself.
type supervisor struct {
	logs string
	died chan *process

	mu        sync.Mutex
	processes map[string]*process
}

func newSupervisor(logs string) *supervisor {
	// What our children leave behind becomes ours, so that we can end it too:
	// a hook that Gitea's git started, for example.
	const setChildSubreaper = 36
	syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
	return &supervisor{logs: logs, died: make(chan *process, 16), processes: map[string]*process{}}
}

func (s *supervisor) logFile(name string) string {
	return filepath.Join(s.logs, name+".log")
}

func (s *supervisor) pid(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.processes[name]; p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// start starts a server and returns when it is ready.
func (s *supervisor) start(ctx context.Context, server *server) error {
	p, err := s.launch(server)
	if err != nil {
		return err
	}
	err = p.untilReady(ctx)
	if err == nil {
		s.mu.Lock()
		select {
		case <-p.done:
			err = fmt.Errorf("it ended (%v)", p.cmd.ProcessState)
		default:
			p.state = running
		}
		s.mu.Unlock()
	}
	if err != nil {
		s.stop(server.name)
		return fmt.Errorf("starting %s: %w, log in %s", server.name, err, s.logFile(server.name))
	}
	return nil
}

func (s *supervisor) launch(server *server) (*process, error) {
	log, err := os.OpenFile(s.logFile(server.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(server.path, server.args...)
	cmd.Dir = server.dir
	cmd.Env = server.env
	cmd.Stdout, cmd.Stderr = log, log

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.processes[server.name] != nil {
		return nil, fmt.Errorf("%s is running already", server.name)
	}
	if err := startChild(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", server.name, err)
	}
	p := &process{server: server, cmd: cmd, done: make(chan struct{})}
	s.processes[server.name] = p
	go s.wait(p)
	return p, nil
}

func (s *supervisor) wait(p *process) {
	p.cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	close(p.done)
	if p.state == running {
		s.died <- p
	}
}

func (p *process) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := p.server.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended (%v)", p.cmd.ProcessState)
		case <-ctx.Done():
			if ctx.Err() == context.DeadlineExceeded {
				return fmt.Errorf("not ready within %s (%v)", readyWithin, err)
			}
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop asks a server to end and sees that it does.
func (s *supervisor) stop(name string) error {
	return s.end(name, syscall.SIGTERM)
}

// kill ends a server as a crash would.
func (s *supervisor) kill(name string) error {
	return s.end(name, syscall.SIGKILL)
}

func (s *supervisor) end(name string, signal syscall.Signal) error {
	s.mu.Lock()
	p := s.processes[name]
	if p == nil {
		s.mu.Unlock()
		return fmt.Errorf("%s is not running", name)
	}
	p.state = stopping
	s.mu.Unlock()

	p.cmd.Process.Signal(signal)
	p.cmd.Process.Signal(syscall.SIGCONT) // a suspended process would not see it
	select {
	case <-p.done:
	case <-time.After(stopWithin):
		p.cmd.Process.Kill()
		<-p.done
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.processes, name)
	if p.server.leavesOrphans {
		s.killOrphans()
	}
	return nil
}

// killOrphans ends the processes whose parents, our servers, have gone.
// It runs under the lock, where every child of ours is in the list.
func (s *supervisor) killOrphans() {
	ours := map[int]bool{}
	for _, p := range s.processes {
		ours[p.cmd.Process.Pid] = true
	}
	// An orphan's own children come to us only when it is gone: look again
	// until there are none.
	for found := true; found; {
		found = false
		entries, _ := os.ReadDir("/proc")
		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil || ours[pid] || parentOf(pid) != os.Getpid() {
				continue
			}
			found = true
			syscall.Kill(pid, syscall.SIGKILL)
			syscall.Wait4(pid, nil, 0, nil)
		}
	}
}

func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// "PID (NAME) STATE PPID ...": a name may hold spaces and brackets.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// run runs a program to its end, as one of the servers' environment.
func (s *supervisor) run(server *server) error {
	server.ready = func(context.Context) error { return nil }
	p, err := s.launch(server)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(readyWithin):
		err = fmt.Errorf("not done within %s", readyWithin)
	}
	s.end(server.name, syscall.SIGKILL)
	if err == nil && !p.cmd.ProcessState.Success() {
		err = fmt.Errorf("%v", p.cmd.ProcessState)
	}
	if err != nil {
		return fmt.Errorf("%s: %w, log in %s", server.name, err, s.logFile(server.name))
	}
	return nil
}

var starter = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for start := range starter {
			start()
		}
	}()
}

// startChild starts a program that is killed when this process ends, however
// it ends. The kernel does that when the *thread* ends that started the child,
// so all are started from one thread that is never given back.
func startChild(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		// Ctrl-C in a terminal goes to the whole group: it is for us alone,
		// who end the servers in order.
		Setpgid: true,
	}
	result := make(chan error)
	starter <- func() { result <- cmd.Start() }
	return <-result
}
