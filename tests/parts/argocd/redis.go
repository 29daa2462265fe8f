package main

import (
	"os/signal"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"
)

// newRedis is a Redis without a file, which is all that Argo CD's cache needs.
// It is the one that Argo CD's own tests use, so that a machine needs no other.
func newRedis() *cobra.Command {
	var address string
	command := &cobra.Command{
		Use:   "argocd-redis",
		Short: "Serve a cache over Redis' protocol until told to end",
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, cancel := signal.NotifyContext(command.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer cancel()
			server := miniredis.NewMiniRedis()
			if err := server.StartAddr(address); err != nil {
				return err
			}
			defer server.Close()
			// Its own clock stands still: keys end when it is told that time has passed.
			for tick := time.NewTicker(time.Second); ; {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
					server.FastForward(time.Second)
				}
			}
		},
	}
	command.Flags().StringVar(&address, "address", "127.0.0.1:6379", "listen on this `HOST:PORT`")
	return command
}
