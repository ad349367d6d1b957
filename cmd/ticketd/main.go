// Command ticketd is the whole product: the API, the sockets and the tools around them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by make build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ticketd:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use: "ticketd", Short: "AI Ticket Creator: tickets from what a person sees, every step an event",
		Version: version, SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(
		serveCommand(), migrateCommand(), tokenCommand(), watchCommand(), permissionsCommand(), openAPICommand(), toolsCommand(), healthCommand(), backupCommand(), restoreCommand(), versionCommand(), seedCommand(), rebuildCommand(),
		verifyCommand(), exportCommand(), proofCommand(), keyCommand(), hearCommand(), readCommand(),
	)
	return root
}
