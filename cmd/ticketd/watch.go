package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/spf13/cobra"
)

// reconnectAfter is how long watch waits when the connection was lost.
const reconnectAfter = time.Second

func watchCommand() *cobra.Command {
	w := watcher{}
	watch := &cobra.Command{
		Use: "watch", Short: "Print the notices of your organization as they happen", Args: cobra.NoArgs,
		Long: `Subscribe to everything you may see and print one line a notice. A lost connection is made again,
and what was missed meanwhile is asked for: nothing is lost.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if w.token == "" {
				return errors.New("set TOKEN, or give --token")
			}
			w.out = cmd.OutOrStdout()
			return w.run(cmd.Context())
		},
	}
	watch.Flags().StringVar(&w.url, "url", orDefault(os.Getenv("TICKETD"), "http://localhost:8000"), "where ticketd answers (TICKETD)")
	watch.Flags().StringVar(&w.token, "token", os.Getenv("TOKEN"), "your bearer token (TOKEN)")
	watch.Flags().Int64Var(&w.position, "after", 0, "begin after this position, not now")
	return watch
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// watcher is a subscriber that keeps the last position it saw.
type watcher struct {
	url, token string
	position   int64
	out        io.Writer
}

// frame is any message of the server.
type frame struct {
	Type      string          `json:"type"`
	Success   bool            `json:"success"`
	Error     string          `json:"error"`
	Timestamp string          `json:"timestamp"`
	Position  int64           `json:"position"`
	Data      json.RawMessage `json:"data"`
}

// told is what a notice says: how far a file has been read as a bar, everything else as it came.
func (f frame) told() string {
	var p struct {
		JobID    string `json:"job_id"`
		Stage    string `json:"stage"`
		Progress int    `json:"progress"`
		Message  string `json:"message"`
	}
	if f.Type != "file_processing_progress" || json.Unmarshal(f.Data, &p) != nil {
		return string(f.Data)
	}
	const width = 20
	full := min(max(p.Progress, 0), 100) * width / 100
	return fmt.Sprintf("%s %-13s [%s%s] %3d %% %s", p.JobID, p.Stage, strings.Repeat("#", full), strings.Repeat(".", width-full), p.Progress, p.Message)
}

func (w *watcher) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := w.follow(ctx)
		if code := websocket.CloseStatus(err); code == 4001 || code == 4003 {
			return fmt.Errorf("the server refused the connection: %w", err)
		}
		if ctx.Err() == nil {
			fmt.Fprintf(w.out, "-- connection lost, trying again: %v\n", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnectAfter):
		}
	}
	return nil
}

func (w *watcher) follow(ctx context.Context) error {
	//nolint:bodyclose // an upgraded response has no body
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(w.url, "http")+"/ws", &websocket.DialOptions{Subprotocols: []string{"bearer", w.token}})
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 20)
	begin := map[string]any{"type": "subscribe_all", "data": map[string]any{}}
	if w.position > 0 {
		begin = map[string]any{"type": "resume", "data": map[string]any{"after": w.position, "all": true}}
	}
	if err := wsjson.Write(ctx, conn, begin); err != nil {
		return err
	}
	for {
		var f frame
		if err := wsjson.Read(ctx, conn, &f); err != nil {
			return err
		}
		w.show(f)
	}
}

func (w *watcher) show(f frame) {
	switch {
	case f.Error != "":
		fmt.Fprintf(w.out, "-- %s\n", f.Error)
	case f.Type == "connected" && w.position == 0:
		var head struct {
			Position int64 `json:"position"`
		}
		if json.Unmarshal(f.Data, &head) == nil {
			w.position = head.Position // what a lost connection resumes after, should no notice come before
		}
	case f.Position > 0:
		w.position = f.Position
		fmt.Fprintf(w.out, "%s %6d %-24s %s\n", f.Timestamp, f.Position, f.Type, f.told())
	case f.Type == "subscription_response", f.Type == "resumed":
		fmt.Fprintln(w.out, "-- watching")
	}
}
