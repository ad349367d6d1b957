// Command testmodel is a model that goes by a script, for trying and measuring the program without a key:
//
//	go run ./cmd/testmodel -addr localhost:9009
//	OPENAI_API_KEY=any OPENAI_BASE_URL=http://localhost:9009/v1 make run
//
// # Why
//
// It speaks as OpenAI does over real HTTP, so what the program does with a model can be seen whole: the tools it offers,
// the form of the answer it asks for, what it counts. It understands nothing of what it reads, and does not look as if it
// did: every answer says that it is a script's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testmodel:", err)
		os.Exit(1)
	}
}

// run answers requests until ctx ends.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("testmodel", flag.ContinueOnError)
	address := flags.String("addr", "localhost:9009", "where it listens")
	delay := flags.Duration("delay", 0, "how long it thinks about every answer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: model{delay: *delay}, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close() // whoever still waits has gone, too
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
