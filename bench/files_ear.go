package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The notices that the measurements wait for.
const (
	recognized  = "ocr_completed"
	transcribed = "transcription_completed"
	processed   = "file_processing_completed" // the last of an upload
)

// ear is a socket that hears of every upload of its organization, and remembers when.
type ear struct {
	conn *websocket.Conn
	mu   sync.Mutex
	news chan struct{} // closed when something was heard
	of   map[string]heard
	gone error
}

// heard is a notice.
type heard struct {
	at   time.Time
	data json.RawMessage
}

func listen(ctx context.Context, address, token string) (*ear, error) {
	conn, answer, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+address+"/ws?token="+token, nil)
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	_ = answer.Body.Close() // an upgrade has none
	e := &ear{conn: conn, news: make(chan struct{}), of: map[string]heard{}}
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"subscribe_all"}`)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	for subscribed := false; !subscribed; {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		subscribed = strings.Contains(string(text), "subscription_response")
	}
	go e.listen()
	return e, nil
}

func (e *ear) listen() {
	for {
		_, text, err := e.conn.ReadMessage()
		at := time.Now()
		var notice struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		var about struct {
			JobID string `json:"job_id"`
		}
		if err == nil {
			err = json.Unmarshal(text, &notice)
		}
		if err == nil {
			err = json.Unmarshal(notice.Data, &about)
		}
		e.mu.Lock()
		e.gone = err
		e.of[notice.Type+about.JobID] = heard{at, notice.Data}
		close(e.news)
		e.news = make(chan struct{})
		e.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await answers a notice of an upload. It is an error when the upload's processing ends without it.
func (e *ear) await(ctx context.Context, kind, id string) (heard, error) {
	for {
		e.mu.Lock()
		notice, told := e.of[kind+id]
		end, ended := e.of[processed+id]
		news, gone := e.news, e.gone
		e.mu.Unlock()
		switch {
		case told:
			return notice, nil
		case ended:
			return heard{}, fmt.Errorf("no %s came: %s", kind, end.data)
		case gone != nil:
			return heard{}, fmt.Errorf("wait for %s: %w", kind, gone)
		}
		select {
		case <-ctx.Done():
			return heard{}, fmt.Errorf("wait for %s: %w", kind, ctx.Err())
		case <-news:
		}
	}
}

// completed waits until everything that can be read from an upload was read. Anything less is an error: it would be
// measured as fast.
func (e *ear) completed(ctx context.Context, id string) (time.Time, error) {
	notice, err := e.await(ctx, processed, id)
	if err != nil {
		return time.Time{}, err
	}
	var end struct {
		Status string `json:"processing_status"`
	}
	if err := json.Unmarshal(notice.data, &end); err != nil {
		return time.Time{}, err
	}
	if end.Status != "completed" {
		return time.Time{}, fmt.Errorf("an upload was not read: %s", notice.data)
	}
	return notice.at, nil
}

func (e *ear) close() { _ = e.conn.Close() }
