// Command bench measures the program beside what limits it, and prints both as Markdown.
//
// # Why
//
// A number alone says how busy the machine was. So every measurement has its limit beside it: the least that any program
// could do for the same result, taken in the same rounds, turn by turn, on the same durable PostgreSQL. The ratio is the
// median over the rounds. The database lies below the current directory, because a commit is only worth measuring on a
// disk.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options is what the command line says.
type options struct {
	only    string
	span    time.Duration // of one measurement
	rounds  int
	tickets int // of the lists
}

// sections are the benchmarks, in the order they run.
var sections = []struct {
	name string
	run  func(context.Context, *lab, options, io.Writer) error
}{
	{"append", benchAppend},
	{"visible", benchVisible},
	{"rest", benchREST},
	{"lists", benchLists},
	{"replay", benchReplay},
	{"sockets", benchSockets},
	{"files", benchFiles},
	{"agents", benchAgents},
	{"chat", benchChat},
	{"webhooks", benchWebhooks},
	{"deliveries", benchDeliveries},
	{"quality", benchQuality},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // a program begins here
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 3 && args[0] == limitCommand {
		return serveLimit(ctx, args[1], args[2])
	}
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	l, err := openLab(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer l.close(context.WithoutCancel(ctx))
	for _, section := range sections {
		if o.only != "" && o.only != section.name {
			continue
		}
		if err := section.run(ctx, l, o, out); err != nil {
			return fmt.Errorf("%s: %w", section.name, err)
		}
	}
	return nil
}

func readOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var names []string
	for _, section := range sections {
		names = append(names, section.name)
	}
	flags.StringVar(&o.only, "only", "", "one of "+strings.Join(names, ", "))
	seconds := flags.Float64("seconds", 1.5, "how long each measurement takes")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each is repeated")
	flags.IntVar(&o.tickets, "tickets", 200_000, "how many the database of the lists has; a million takes a while to seed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.span = time.Duration(*seconds * float64(time.Second))
	if o.only != "" && !slices.Contains(names, o.only) {
		return o, fmt.Errorf("-only is one of %s", strings.Join(names, ", "))
	}
	if o.span <= 0 || o.rounds < 1 || o.tickets < 1 {
		return o, fmt.Errorf("-seconds, -rounds and -tickets must be positive")
	}
	return o, nil
}
