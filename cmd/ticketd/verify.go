package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ticketd/eventstore"
)

// errNotValid makes the command end like one that found something: what it found stands on stdout.
var errNotValid = errors.New("the log is not valid")

// rowTables are the tables whose rows are written with the events they stand for.
var rowTables = []string{"tickets", "users"}

type verifyFlags struct {
	key   string
	heads []string
	json  bool
}

func verifyCommand() *cobra.Command {
	var flags verifyFlags
	verify := &cobra.Command{
		Use: "verify [FILE]", Short: "Find out whether anybody changed the log", Args: cobra.MaximumNArgs(1),
		Long: `Find out whether anybody changed the log: that of the database, or that of a file which ticketd export wrote (- is stdin).
A file needs neither database nor ENCRYPTION_KEY. Everything found stands on a line; it ends with 1 when there is anything.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				if flags.key != "" {
					return errors.New("--key is for files; the database's key comes from ENCRYPTION_KEY")
				}
				return withSignedLog(cmd.Context(), func(ctx context.Context, p *program) error {
					return p.verify(ctx, flags, cmd.OutOrStdout(), cmd.ErrOrStderr())
				})
			}
			return verifyFile(args[0], flags, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	verify.Flags().StringVar(&flags.key, "key", "", "the public key that you trust, as `ticketd key` prints it; without it a file's own is believed")
	verify.Flags().StringArrayVar(&flags.heads, "head", nil, "a file with a signed head that you kept: the log must still be what it signed")
	verify.Flags().BoolVar(&flags.json, "json", false, "print the report as JSON")
	return verify
}

// verify judges the log of the database.
func (p *program) verify(ctx context.Context, flags verifyFlags, out, progress io.Writer) error {
	seen, err := keptHeads(flags.heads, p.signedLog.Signer.HeadKey)
	if err != nil {
		return err
	}
	bar := newProgress(progress, "verify", "events")
	report, err := p.signedLog.Verify(ctx, eventstore.Verifying{Seen: seen, Rows: rowTables, Progress: bar.at})
	if err != nil {
		return err
	}
	bar.at(report.Events, report.Events)
	bar.end()
	return printReport(out, report, flags.json)
}

// keptHeads reads files with a signed head each.
func keptHeads(paths []string, key eventstore.HeadKey) ([]eventstore.Head, error) {
	var heads []eventstore.Head
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read a signed head: %w", err)
		}
		head, err := key.Open(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		heads = append(heads, head)
	}
	return heads, nil
}

// verifyFile judges an export, with nothing but the file and a key.
func verifyFile(path string, flags verifyFlags, stdin io.Reader, out, progress io.Writer) error {
	file := stdin
	if path != "-" {
		opened, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("open the export: %w", err)
		}
		defer func() { _ = opened.Close() }()
		file = opened
	}
	export, err := eventstore.OpenExport(file)
	if err != nil {
		return err
	}
	trusted := flags.key
	if trusted == "" {
		trusted = export.PublicKey
		fmt.Fprintf(progress, "No --key was given: believing the one in the file, %s\n", trusted)
	}
	key, err := eventstore.ParseHeadKey(trusted)
	if err != nil {
		return err
	}
	seen, err := keptHeads(flags.heads, key)
	if err != nil {
		return err
	}
	bar := newProgress(progress, "verify", "events")
	report, err := export.Verify(key, seen, bar.at)
	if err != nil {
		return err
	}
	bar.at(report.Events, report.Events)
	bar.end()
	return printReport(out, report, flags.json)
}

// printReport prints what was found; errNotValid when that was anything.
func printReport(w io.Writer, r eventstore.Report, asJSON bool) error {
	if asJSON {
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		lines.SetIndent("", "  ")
		if err := lines.Encode(r); err != nil {
			return err
		}
	} else {
		for _, f := range r.Findings {
			fmt.Fprintln(w, findingLine(f))
		}
		if more := r.Found - int64(len(r.Findings)); more > 0 {
			fmt.Fprintf(w, "... and %d more\n", more)
		}
		state := "valid"
		if !r.Valid {
			state = "NOT VALID"
		}
		fmt.Fprintf(w, "%s: %d events in %d streams, %d of them signed, %d since the last signed head\n", state, r.Events, r.Streams, r.Events-r.Unsigned, r.Unsigned)
	}
	if !r.Valid {
		return errNotValid
	}
	return nil
}

// findingLine is "event_changed  position 8  stream ... version 3: what happened".
func findingLine(f eventstore.Finding) string {
	parts := []string{string(f.Kind)}
	if f.Position > 0 {
		at := fmt.Sprintf("position %d", f.Position)
		if f.Upto > f.Position {
			at = fmt.Sprintf("positions %d to %d", f.Position, f.Upto)
		}
		parts = append(parts, at)
	}
	if f.Stream != nil {
		parts = append(parts, fmt.Sprintf("stream %s version %d", f.Stream, f.Version))
	}
	if f.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d events", f.Count))
	}
	return strings.Join(parts, "  ") + ": " + f.Detail
}
