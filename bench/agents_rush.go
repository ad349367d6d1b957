package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// runsAtOnce is how many runs begin at the same moment, and thinks how long the model takes for each.
	runsAtOnce = 200
	thinks     = 250 * time.Millisecond
	// watchedFor is how long the API is watched while nothing else happens, before and after.
	watchedFor = 5 * time.Second
)

// benchManyRuns measures what others notice of many runs at once that all wait for a slow model.
func (w *agentsWorld) benchManyRuns(ctx context.Context, _ options, out io.Writer) error {
	if err := w.start(ctx, thinks); err != nil {
		return err
	}
	paths, err := w.watched(ctx)
	if err != nil {
		return err
	}
	idle, err := w.idle(ctx, paths, watchedFor)
	if err != nil {
		return err
	}
	stop, err := w.call(ctx, paths)
	if err != nil {
		return err
	}
	took, ranErr := w.runAll(ctx)
	busy, err := stop()
	if err := errors.Join(ranErr, err); err != nil {
		return err
	}
	after, err := w.idle(ctx, paths, watchedFor)
	if err != nil {
		return err
	}
	still, meanwhile := lasted(append(idle, after...)), lasted(busy)
	results := newTable("the API", "calls:", "p50 ms:", "p99 ms:", "p99 to idle:", "target:")
	results.add("idle: nothing else happens", strconv.Itoa(still.done), ms(still.p50), ms(still.p99), "1.00", "")
	results.add(fmt.Sprintf("%d runs at once", runsAtOnce), strconv.Itoa(meanwhile.done), ms(meanwhile.p50), ms(meanwhile.p99), ratio(float64(meanwhile.p99)/float64(still.p99)), "2.00")
	results.write(out, "Many runs at once", fmt.Sprintf("The model takes %s for each answer, and ten may ask it at once: all runs ended after %s s, %s s at the least.",
		thinks, seconds(took), seconds(runsAtOnce/10*thinks)))
	return nil
}

// runAll begins all runs at the same moment, each over a connection of its own, and answers how long the last one took.
func (w *agentsWorld) runAll(ctx context.Context) (time.Duration, error) {
	clients := make([]*client, runsAtOnce)
	bodies := make([]string, runsAtOnce)
	for i := range clients {
		c, err := connect(ctx, w.real.address, w.member)
		if err != nil {
			return 0, err
		}
		defer c.close()
		clients[i], bodies[i] = c, `{"description":"`+w.words()+`"}`
	}
	began := time.Now()
	errs := make([]error, runsAtOnce)
	var work sync.WaitGroup
	for i, c := range clients {
		work.Go(func() { errs[i] = c.do(http.MethodPost, "/api/v1/agent/categorize", bodies[i], http.StatusOK, byModel) })
	}
	work.Wait()
	return time.Since(began), errors.Join(errs...)
}

// byModel is an error when the rules have answered.
func byModel(body io.Reader) error {
	var said struct {
		Provider string `json:"provider"`
	}
	if err := json.NewDecoder(body).Decode(&said); err != nil {
		return err
	}
	if said.Provider != "openai" {
		return fmt.Errorf("%q has answered, and not the model", said.Provider)
	}
	return nil
}
