package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"ticketd/adapters/mcp"
)

func toolsCommand() *cobra.Command {
	var markdown bool
	tools := &cobra.Command{
		Use: "tools", Short: "Print what the MCP server offers, as clients see it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if markdown {
				fmt.Fprint(cmd.OutOrStdout(), mcp.Markdown())
				return nil
			}
			list := json.NewEncoder(cmd.OutOrStdout())
			list.SetIndent("", "  ")
			list.SetEscapeHTML(false)
			return list.Encode(mcp.Tools())
		},
	}
	tools.Flags().BoolVar(&markdown, "markdown", false, "as a Markdown page")
	return tools
}
