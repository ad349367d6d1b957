package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func exportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export [FILE]", Short: "Write the whole log to a file that anybody can verify", Args: cobra.MaximumNArgs(1),
		Long: `Write the whole log, with its signed heads, as lines of JSON to a file (- or nothing: stdout). What people wrote is sealed in
it, and stays unreadable once they are erased. ticketd verify FILE judges it on any machine.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				if len(args) == 0 || args[0] == "-" {
					return p.export(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
				}
				return p.exportFile(ctx, args[0], cmd.ErrOrStderr())
			})
		},
	}
}

// exportFile leaves a whole export on the disk, or what was there before.
func (p *program) exportFile(ctx context.Context, path string, progress io.Writer) error {
	return writeWhole(path, func(draft *os.File) error { return p.export(ctx, draft, progress) })
}

func (p *program) export(ctx context.Context, w, progress io.Writer) error {
	bar := newProgress(progress, "export", "events")
	done, err := p.signedLog.Export(ctx, w, bar.at)
	if err != nil {
		return err
	}
	bar.at(done.Events, done.Events)
	bar.end()
	fmt.Fprintf(progress, "%d events, %d of them signed\n", done.Events, done.Size)
	return nil
}
