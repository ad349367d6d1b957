package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ticketd/adapters/backup"
	"ticketd/adapters/postgres"
	"ticketd/migrations"
)

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write the log, the keys and the stored files into one file", Args: cobra.ExactArgs(1),
		Long: `Write the log, the keys and the stored files into one file, consistent at one position, while the program serves.
Tables that are made from the log are left out; restore makes them anew. Keep ENCRYPTION_KEY elsewhere: without it nobody,
you included, can read what people wrote.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				return p.backup(ctx, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
}

func restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Read a backup into an empty database, rebuild and verify", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				return p.restore(ctx, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
}

// filesFolder is where uploads are stored.
func (p *program) filesFolder() string { return filepath.Join(p.config.DataDir, "files") }

// schema answers the last migration that the database has.
func (p *program) schema(ctx context.Context) (last int64, err error) {
	all, err := postgres.MigrateStatus(ctx, p.pool, migrations.FS)
	for _, m := range all {
		if m.Applied {
			last = max(last, m.Version)
		}
	}
	return last, err
}

func (p *program) backup(ctx context.Context, path string, out, waiting io.Writer) (err error) {
	if err := p.sign(ctx); err != nil {
		return err
	}
	schema, err := p.schema(ctx)
	if err != nil {
		return err
	}
	var derived []string
	for _, projection := range p.projections {
		derived = append(derived, projection.Name)
	}
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // nobody takes half a backup for one
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, draft.Close(), os.Remove(draft.Name()))
		}
	}()
	bar := newProgress(waiting, "back up", "events")
	known := backup.Manifest{Program: version, Schema: schema, PublicKey: p.signedLog.Signer.String()}
	m, err := backup.Write(ctx, p.pool, draft, known, derived, p.filesFolder(), bar.at)
	if err != nil {
		return err
	}
	bar.at(m.Events, m.Events)
	bar.end()
	if err := draft.Sync(); err != nil {
		return err
	}
	if err := draft.Close(); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d events, up to position %d\n", path, m.Events, m.Position)
	return nil
}

func (p *program) restore(ctx context.Context, path string, out, waiting io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // opened for reading
	schema, err := p.schema(ctx)
	if err != nil {
		return err
	}
	bar := newProgress(waiting, "restore", "events")
	m, err := backup.Restore(ctx, p.pool, file, schema, p.signedLog.Signer.String(), p.filesFolder(), bar.at)
	if err != nil {
		return err
	}
	bar.at(m.Events, m.Events)
	bar.end()
	fmt.Fprintf(out, "%d events of %s, up to position %d\n", m.Events, m.MadeAt.Format("2006-01-02 15:04:05 MST"), m.Position)
	if err := p.resetWitness(ctx, out); err != nil {
		return err
	}
	if err := p.rebuild(ctx, p.projections, out, waiting); err != nil && !errors.Is(err, errRowsDiffered) { // the old tables were empty
		return err
	}
	if err := p.verify(ctx, verifyFlags{}, out, waiting); err != nil {
		return err
	}
	return p.eraseAgain(ctx, out)
}

// resetWitness lets the witness begin with the restored log. What it had seen is kept beside it: events that came after
// the backup are gone, and an auditor may want to know which head they had.
func (p *program) resetWitness(ctx context.Context, out io.Writer) error {
	w := witnessFile(p.config)
	seen, err := w.Last()
	if err != nil {
		return err
	}
	restored, err := p.signedLog.Latest(ctx)
	if err != nil {
		return err
	}
	if seen == restored.Note {
		return nil
	}
	if seen != "" {
		if err := os.Rename(w.path, w.path+".before_restore"); err != nil {
			return err
		}
		fmt.Fprintf(out, "the signed head that was kept here is not this log's; it lies in %s.before_restore\n", w.path)
	}
	return w.Keep(restored.Note)
}
