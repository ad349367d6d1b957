package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"ticketd/adapters/postgres"
	"ticketd/domain"
)

const (
	// chatFiles is how many uploads each message refers to, of chatUploads that there are.
	chatFiles   = 5
	chatUploads = 2000
	// shortThread is how long a conversation grows before another is begun, and longThread how long one is at least that is
	// measured for its length. It is left when it is so long that the program would soon refuse more.
	shortThread = 20
	longThread  = 400
	tooLong     = 490
)

// chatSizes is how much there is to talk about.
type chatSizes struct{ uploads, long int }

// benchChat measures how long it takes until a message is accepted. The limit is one INSERT of the same bytes, over a
// connection of the same kind.
func benchChat(ctx context.Context, l *lab, o options, out io.Writer) (err error) {
	database, err := l.database(ctx, "chat")
	if err != nil {
		return err
	}
	w := &chatWorld{world: newWorld()}
	defer func() { err = errors.Join(err, w.close()) }()
	if w.pool, err = postgres.Open(ctx, database); err != nil {
		return err
	}
	// Nobody replies: what a reply takes is a model's time.
	if w.real, err = l.serve(ctx, "chat", database, "RATE_LIMIT_AI=0", "OPENAI_API_KEY=", "ANTHROPIC_API_KEY=", "AZURE_OPENAI_API_KEY="); err != nil {
		return err
	}
	return w.measure(ctx, o, chatSizes{chatUploads, longThread}, out)
}

// chatWorld is the real program, and a member who talks to an agent.
type chatWorld struct {
	*world
	talker *client
	files  []domain.FileID
	short  conversation
	long   conversation
}

// conversation is a thread and how many messages are in it.
type conversation struct {
	path     string
	messages int
}

const bareMessages = `CREATE TABLE IF NOT EXISTS bare_messages (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data json NOT NULL)`

func (w *chatWorld) measure(ctx context.Context, o options, sizes chatSizes, out io.Writer) error {
	if err := w.begin(ctx, sizes); err != nil {
		return err
	}
	defer w.talker.close()
	lines := []struct {
		what, target string
		measure      func() (sample, error)
		of           *series
	}{
		{"limit: INSERT of the same bytes", "", func() (sample, error) { return w.insert(ctx, o.span) }, &series{}},
		{"a message with 5 attachments", "20", func() (sample, error) { return w.converse(ctx, o.span, &w.short, 0, shortThread) }, &series{}},
		{fmt.Sprintf("the same behind %d others", sizes.long), "20", func() (sample, error) { return w.converse(ctx, o.span, &w.long, sizes.long, tooLong) }, &series{}},
	}
	for range o.rounds {
		var limit sample
		for i, line := range lines {
			measured, err := line.measure()
			if err != nil {
				return fmt.Errorf("%s: %w", line.what, err)
			}
			if i == 0 {
				limit = measured
			}
			line.of.add(measured, limit)
		}
	}
	results := newTable("what", "p50 ms:", "p99 ms:", "p50 to the limit's:", "p99 to the limit's:", "target ms:")
	for _, line := range lines {
		results.add(line.what, ms(line.of.p50()), ms(line.of.p99()), ratio(float64(line.of.p50())/float64(lines[0].of.p50())),
			ratio(float64(line.of.p99())/float64(lines[0].of.p99())), line.target)
	}
	results.write(out, "Chat", fmt.Sprintf("One connection. The message is stored, and so are its files checked, of %d that there are; the reply comes later.", sizes.uploads))
	return nil
}

// begin makes what is referred to, and who does.
func (w *chatWorld) begin(ctx context.Context, sizes chatSizes) error {
	members, err := w.join(ctx, 1)
	if err != nil {
		return err
	}
	if w.files, err = (&filesWorld{world: w.world}).fillFiles(ctx, sizes.uploads); err != nil {
		return err
	}
	if _, err := w.pool.Exec(ctx, bareMessages); err != nil {
		return err
	}
	w.talker, err = connect(ctx, w.real.address, members[0])
	return err
}

// insert writes the bytes of messages, and nothing else.
func (w *chatWorld) insert(ctx context.Context, span time.Duration) (sample, error) {
	return drive(ctx, 1, span, func(ctx context.Context, _ int) error {
		_, err := w.pool.Exec(ctx, `INSERT INTO bare_messages (data) VALUES ($1)`, w.message())
		return err
	})
}

// message is the body that says something.
func (w *chatWorld) message() string {
	return `{"content":"` + strings.Repeat(comment+" ", 3) + `",` + strings.TrimPrefix(attachments(pick(w.files)[:chatFiles]), "{")
}

// converse says things for a while, at least as far into a conversation as it is to begin, and begins another when that
// has become too long.
func (w *chatWorld) converse(ctx context.Context, span time.Duration, c *conversation, from, most int) (sample, error) {
	var took []time.Duration
	for left := span; left > 0 && ctx.Err() == nil; {
		if c.path == "" || c.messages >= most {
			id, err := w.start()
			if err != nil {
				return sample{}, err
			}
			*c = conversation{path: chatThreads + "/" + id + "/messages"}
		}
		body := w.message()
		begun := time.Now()
		if err := w.talker.do(http.MethodPost, c.path, body, http.StatusOK, nil); err != nil {
			return sample{}, err
		}
		if c.messages++; c.messages > from {
			took = append(took, time.Since(begun))
			left -= time.Since(begun)
		}
	}
	return summary(took, span), context.Cause(ctx)
}

const chatThreads = "/api/v1/chat/customer_support_agent/threads"

// start begins a conversation.
func (w *chatWorld) start() (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := w.talker.do(http.MethodPost, chatThreads, `{"title":"VPN"}`, http.StatusOK, func(r io.Reader) error { return json.NewDecoder(r).Decode(&made) })
	return made.ID, err
}
