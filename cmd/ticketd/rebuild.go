package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// errRowsDiffered makes the command end like one that found something: what it found stands on stdout.
var errRowsDiffered = errors.New("rows differed from the log; the fresh tables have taken their place")

func rebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rebuild [projection]", Short: "Make the tables of the read side anew from the log", Args: cobra.MaximumNArgs(1),
		Long: `Make the tables of the read side anew from the log, while the program serves and writes: all of them, or the one named.
Fresh tables are filled and take the place of the live ones in one moment. Two checksums say whether both held the same;
it ends with 1 when they did not.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				list := p.projections
				if len(args) == 1 {
					one, known := projections.Named(list, args[0])
					if !known {
						return fmt.Errorf("no projection is called %q; there are %s", args[0], strings.Join(projectionNames(list), ", "))
					}
					list = []projections.Projection{one}
				}
				return p.rebuild(ctx, list, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
}

func projectionNames(list []projections.Projection) []string {
	var names []string
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}

// rebuilder makes tables anew. progress hears how far each step has come.
func (p *program) rebuilder(progress func(step string, done, total int64)) *projections.Rebuilder {
	return &projections.Rebuilder{
		Pool: p.pool, Codec: catalog.Codec, Progress: progress,
		Keys: func(from eventstore.Database) (*eventstore.Keyring, error) {
			return eventstore.NewKeyring(p.encryptionKey[:], eventstore.PostgresKeys{Pool: from})
		},
	}
}

// rebuild makes tables anew and reports on out; how far it has come is for somebody who waits.
func (p *program) rebuild(ctx context.Context, list []projections.Projection, out, waiting io.Writer) error {
	var bar *progress
	finish := func() {
		if bar != nil {
			bar.end()
		}
	}
	did, err := p.rebuilder(func(step string, done, total int64) {
		if done == 0 {
			finish()
			bar = nil
			fmt.Fprintln(waiting, step)
			return
		}
		if bar == nil || bar.what != step {
			finish()
			bar = newProgress(waiting, step, unitOf(step))
		}
		bar.at(done, total)
	}).Run(ctx, list...)
	finish()
	if err != nil {
		return err
	}
	for _, t := range did.Tables {
		verdict := "equal"
		if !t.Equal() {
			verdict = fmt.Sprintf("%d rows differ", t.Differ)
		}
		fmt.Fprintf(out, "%-16s %10d rows  old %s  new %s  %s\n", t.Name, t.Rows, t.Old, t.New, verdict)
	}
	fmt.Fprintf(out, "%d events in %.1f s", did.Events, did.Took.Seconds())
	if did.Events > 0 {
		fmt.Fprintf(out, ", folded at %.0f a second", float64(did.Events)/did.Folded.Seconds())
	}
	fmt.Fprintf(out, "; writers waited %s at the most\n", did.Waited.Round(100*time.Microsecond))
	if slices.ContainsFunc(did.Tables, func(t projections.Compared) bool { return !t.Equal() }) {
		return errRowsDiffered
	}
	return nil
}

func unitOf(step string) string {
	if step == "fold" {
		return "events"
	}
	return "streams"
}

// renew makes tables anew that older code has made, while the program serves.
func (p *program) renew(ctx context.Context) {
	err := p.rebuilder(func(string, int64, int64) {}).Renew(ctx, p.projections, p.log)
	if err != nil && ctx.Err() == nil {
		p.log.ErrorContext(ctx, "tables of the read side cannot be made anew; the old rows stay", "cause", err)
	}
}
