package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ticketd/adapters/http"
	"ticketd/adapters/postgres"
	"ticketd/domain"
	"ticketd/migrations"
)

func serveCommand() *cobra.Command {
	roles := []string{"api", "worker", "mcp"}
	serve := &cobra.Command{
		Use: "serve", Short: "Serve the API, the sockets, the documentation and the tools of agents, and read files", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, role := range roles {
				if role != "api" && role != "worker" && role != "mcp" {
					return fmt.Errorf("there is no role %q; roles are api, worker and mcp", role)
				}
			}
			alone := func(c *config) {
				if !slices.Contains(roles, "worker") {
					c.Workers, c.AgentWorkers, c.DeliveryWorkers = 0, 0, 0
				}
				c.tools = slices.Contains(roles, "mcp")
			}
			return runProgram(cmd.Context(), alone, func(ctx context.Context, p *program) error {
				return p.serve(ctx, func(address string) {
					p.log.InfoContext(ctx, "ready", "address", address, "version", version)
					if p.config.development() {
						p.printTour(ctx, cmd.OutOrStdout(), address)
					}
				})
			})
		},
	}
	serve.Flags().StringSliceVar(&roles, "roles", roles, "what this instance does: api, worker, mcp; the API answers everywhere, for its health is asked of it")
	return serve
}

// withProgram is runProgram for a tool.
func withProgram(ctx context.Context, do func(context.Context, *program) error) error {
	return runProgram(ctx, func(c *config) { c.tool = true }, do)
}

// runProgram reads the environment, which change may change, wires the program, runs do and closes what was started. A tool
// may run beside a server in the same DATA_DIR.
func runProgram(ctx context.Context, change func(*config), do func(context.Context, *program) error) error {
	c, err := readConfig()
	if err != nil {
		return err
	}
	change(&c)
	log, err := c.logger()
	if err != nil {
		return err
	}
	p, err := wire(ctx, c, log)
	if err != nil {
		return err
	}
	defer p.close(context.WithoutCancel(ctx))
	return do(ctx, p)
}

func migrateCommand() *cobra.Command {
	migrate := &cobra.Command{Use: "migrate", Short: "Change the database's schema: up, down or status"}
	for _, direction := range []struct {
		name, short string
		run         func(context.Context, *program) ([]postgres.Migration, error)
	}{
		{"up", "Apply all migrations", func(ctx context.Context, p *program) ([]postgres.Migration, error) {
			return postgres.MigrateUp(ctx, p.pool, migrations.FS)
		}},
		{"down", "Take back the last migration", func(ctx context.Context, p *program) ([]postgres.Migration, error) {
			return postgres.MigrateDown(ctx, p.pool, migrations.FS)
		}},
		{"status", "List the migrations", func(ctx context.Context, p *program) ([]postgres.Migration, error) {
			return postgres.MigrateStatus(ctx, p.pool, migrations.FS)
		}},
	} {
		migrate.AddCommand(&cobra.Command{
			Use: direction.name, Short: direction.short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return withDatabase(cmd.Context(), func(ctx context.Context, p *program) error {
					list, err := direction.run(ctx, p)
					for _, m := range list {
						state := "pending"
						if m.Applied {
							state = "applied"
						}
						fmt.Fprintf(cmd.OutOrStdout(), "%04d %-8s %s\n", m.Version, state, m.Name)
					}
					return err
				})
			},
		})
	}
	return migrate
}

// withDatabase is withProgram for commands that must not bring the schema up to date first.
func withDatabase(ctx context.Context, do func(context.Context, *program) error) error {
	c, err := readConfig()
	if err != nil {
		return err
	}
	c.tool = true
	log, err := c.logger()
	if err != nil {
		return err
	}
	p := &program{config: c, log: log}
	defer p.close(context.WithoutCancel(ctx))
	if err := p.connect(ctx); err != nil {
		return err
	}
	return do(ctx, p)
}

func permissionsCommand() *cobra.Command {
	var markdown bool
	permissions := &cobra.Command{
		Use: "permissions", Short: "Print who may do what", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			printPermissions(cmd.OutOrStdout(), markdown)
			return nil
		},
	}
	permissions.Flags().BoolVar(&markdown, "markdown", false, "as a Markdown page")
	return permissions
}

func printPermissions(w io.Writer, markdown bool) {
	cells := [][]string{{"permission"}}
	for _, role := range domain.Roles {
		cells[0] = append(cells[0], string(role))
	}
	for _, permission := range domain.Permissions() {
		row := []string{string(permission)}
		for _, role := range domain.Roles {
			row = append(row, domain.ScopeOf(role, permission).String())
		}
		cells = append(cells, row)
	}
	if markdown {
		fmt.Fprint(w, "# Who may do what\n\nMade by `ticketd permissions --markdown`. `own` reaches what the person created or is assigned to.\n\n")
		for i, row := range cells {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				fmt.Fprintf(w, "|%s\n", strings.Repeat(" --- |", len(row)))
			}
		}
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range cells {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush() // a terminal that has gone needs no table
}

func openAPICommand() *cobra.Command {
	return &cobra.Command{
		Use: "openapi", Short: "Print the OpenAPI document", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			server := http.New(http.Config{Version: "1"}, http.Deps{Logger: slog.New(slog.DiscardHandler), Metrics: nethttp.NotFoundHandler()})
			document := json.NewEncoder(cmd.OutOrStdout())
			document.SetIndent("", "  ")
			document.SetEscapeHTML(false)
			return document.Encode(server.OpenAPI())
		},
	}
}

func healthCommand() *cobra.Command {
	var tools bool
	health := &cobra.Command{
		Use: "health", Short: "Ask the running program how it is; for container health checks", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			listens := c.HTTPAddr
			if tools {
				listens = c.MCPAddr
			}
			request, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, "http://"+localAddress(listens)+"/health", nil)
			if err != nil {
				return err
			}
			response, err := nethttp.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			defer func() { _ = response.Body.Close() }()
			if response.StatusCode != nethttp.StatusOK {
				return errors.New("unhealthy: " + response.Status)
			}
			_, err = io.Copy(cmd.OutOrStdout(), response.Body)
			return err
		},
	}
	health.Flags().BoolVar(&tools, "mcp", false, "ask the MCP server")
	return health
}

// localAddress is how this machine reaches an address that the program listens on.
func localAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version) },
	}
}
