package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// serve carries out commands from stdin until it is told to end, or until a
// server ends that was not told to.
func (ground *playground) serve(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		ground.obey(ctx)
		if endsWithWriter() {
			close(ended)
		}
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-ended:
		return nil
	case p := <-ground.died:
		name := p.server.name
		return fmt.Errorf("%s ended by itself (%v):\n%s", name, p.cmd.ProcessState, tail(ground.logFile(name)))
	}
}

// endsWithWriter says whether the end of stdin means that whoever started us
// has gone. With a terminal or /dev/null it does not.
func endsWithWriter() bool {
	info, err := os.Stdin.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// obey answers each line on stdin with a line on stdout.
func (ground *playground) obey(ctx context.Context) {
	// In the background of a terminal, reading it would suspend us.
	signal.Ignore(syscall.SIGTTIN)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if words := strings.Fields(line); len(words) > 0 {
			printLine(ground.carryOut(ctx, words))
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && endsWithWriter() {
				say("reading commands: %v", err)
			}
			return
		}
	}
}

type outcome struct {
	OK    bool   `json:"ok,omitempty"`
	PID   int    `json:"pid,omitempty"` // of what was started
	Error string `json:"error,omitempty"`
}

func (ground *playground) carryOut(ctx context.Context, words []string) outcome {
	err := fmt.Errorf("unknown command %q: say stop, start or kill, and one of %s", strings.Join(words, " "), ground.names())
	pid := 0
	if len(words) == 2 {
		name := words[1]
		if server := ground.servers[name]; server != nil {
			switch words[0] {
			case "start":
				err = ground.start(ctx, server)
				pid = ground.pid(name)
			case "stop":
				err = ground.stop(name)
			case "kill":
				err = ground.kill(name)
			}
		}
	}
	if err != nil {
		return outcome{Error: err.Error()}
	}
	return outcome{OK: true, PID: pid}
}
