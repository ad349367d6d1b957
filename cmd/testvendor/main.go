// Command testvendor plays one of the seven vendors, for trying and measuring the program without an account:
//
//	go run ./cmd/testvendor -platform jira > vendor.json
//	OUTBOUND_ALLOW=127.0.0.0/8 make run
//
// # Why
//
// It is the vendor of the tests, over real HTTP: it keeps tickets, and holds every request against the vendor's own
// description. What it prints is the body for POST /api/v1/integrations; what a person does there is asked of -addr.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testvendor:", err)
		os.Exit(1)
	}
}

// run plays the vendor until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("testvendor", flag.ContinueOnError)
	platform := flags.String("platform", "jira", "which vendor: salesforce, jira, zendesk, intercom, github, slack or teams")
	address := flags.String("addr", "localhost:9010", "where a person there is asked to do something")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	vendor, known := vendorfake.Play(integration.Platform(*platform))
	if !known {
		return errors.Join(fmt.Errorf("there is no vendor %q", *platform), listener.Close())
	}
	defer vendor.Base().Close()
	if err := json.NewEncoder(out).Encode(vendor.Connect()); err != nil {
		return fmt.Errorf("print how to connect: %w", err)
	}
	server := &http.Server{Handler: person(vendor), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close() // whoever still waits has gone, too
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// person does there what is asked: says something, or moves a ticket. The vendor then sends its webhook to the address that hook
// names. GET / shows the tickets.
func person(v vendorfake.Vendor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(map[string]any{"tickets": v.Tickets(), "invalid_requests": v.Base().Invalid()}) // whoever asked has gone
	})
	then := func(do func(r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			do(r)
			status, err := send(r.Context(), v.Webhook(r.FormValue("ticket")), r.FormValue("hook"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			_, _ = fmt.Fprintln(w, "the webhook was answered with", status) //nolint:gosec // a number
		}
	}
	mux.HandleFunc("POST /say", then(func(r *http.Request) { v.Say(r.FormValue("ticket"), r.FormValue("author"), r.FormValue("text")) }))
	mux.HandleFunc("POST /move", then(func(r *http.Request) { v.Move(r.FormValue("ticket"), r.FormValue("status")) }))
	return mux
}

// send sends a webhook to an address, with the query that it brings.
func send(ctx context.Context, hook *http.Request, to string) (status int, err error) {
	address, err := url.Parse(to)
	if err != nil {
		return 0, fmt.Errorf("the address of the webhook: %w", err)
	}
	hook = hook.Clone(ctx)
	address.RawQuery = hook.URL.RawQuery
	hook.URL, hook.Host, hook.RequestURI = address, address.Host, ""
	answer, err := http.DefaultClient.Do(hook) //nolint:gosec // whoever tries it out says where
	if err != nil {
		return 0, fmt.Errorf("send the webhook: %w", err)
	}
	return answer.StatusCode, answer.Body.Close()
}
