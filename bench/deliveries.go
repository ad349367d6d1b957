package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"ticketd/internal/vendorfake"
)

// deliverySizes says how much is delivered.
type deliverySizes struct {
	tickets int
	file    int // bytes of the one file that each has
	rate    int // requests that the vendor takes
	window  time.Duration
}

const (
	// deliveryRequests is how many a ticket with a file needs at the least: one makes it, and one attaches.
	deliveryRequests = 2
	// deliveryClients make the tickets.
	deliveryClients = 8
	// listEvery is how often the tickets are listed meanwhile.
	listEvery = 25 * time.Millisecond
)

// benchDeliveries measures how long tickets take to be with a vendor. The limit is what the vendor allows: its requests of a
// window, which are told with every answer, and refused with 429 beyond that.
func benchDeliveries(ctx context.Context, l *lab, _ options, out io.Writer) error {
	return l.measureDeliveries(ctx, "deliveries", deliverySizes{tickets: 1000, file: 20 << 10, rate: 50, window: time.Second}, out)
}

func (l *lab) measureDeliveries(ctx context.Context, database string, sizes deliverySizes, out io.Writer) (err error) {
	d, err := l.openDeliveries(ctx, database, sizes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	idle, err := drive(ctx, 1, 2*time.Second, d.list)
	if err != nil {
		return err
	}
	before := d.real.memory()
	took, busy, err := d.deliver(ctx, sizes)
	if err != nil {
		return err
	}
	least := time.Duration(sizes.tickets*deliveryRequests) * sizes.window / time.Duration(sizes.rate)
	results := newTable("tickets", "limit s:", "ours s:", "ratio:", "target:", "refused after the first:", "target:", "memory before / at most MB:", "list p99 ms idle / meanwhile:")
	results.add(fmt.Sprintf("%d with a file of %d KB", sizes.tickets, sizes.file>>10), seconds(least), seconds(took), ratio(took.Seconds()/least.Seconds()), "1.05",
		whole(float64(max(0, d.vendor.Base().Refused()-1))), "0", megabytes(before)+" / "+megabytes(memoryOf(d.real.cmd.Process.Pid, mostResident)), ms(idle.p99)+" / "+ms(busy.p99))
	results.write(out, "Deliveries to a vendor", fmt.Sprintf("A Jira that takes %d requests in %s. The limit is what %d requests a ticket take there; %d came in all, checks of the connection among them.",
		sizes.rate, sizes.window, deliveryRequests, len(d.vendor.Base().Requests())))
	return nil
}

// deliveriesWorld is a world with a vendor, and with tickets that wait for it.
type deliveriesWorld struct {
	*world
	vendor      *vendorfake.Jira
	integration string
	lister      *client
}

func (l *lab) openDeliveries(ctx context.Context, database string, sizes deliverySizes) (_ *deliveriesWorld, err error) {
	d := &deliveriesWorld{vendor: vendorfake.NewJira()}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.vendor.Base().Limit(sizes.rate, sizes.window)
	if d.world, err = l.openWorld(ctx, database, nil, "OUTBOUND_ALLOW=127.0.0.0/8", "RATE_LIMIT_UPLOAD=0"); err != nil {
		return nil, err
	}
	members, err := d.join(ctx, 1)
	if err != nil {
		return nil, err
	}
	d.member = members[0]
	c, err := connect(ctx, d.real.address, d.member)
	if err != nil {
		return nil, err
	}
	defer c.close()
	body, err := json.Marshal(d.vendor.Connect())
	if err != nil {
		return nil, err
	}
	if d.integration, err = c.create("/api/v1/integrations", string(body)); err != nil {
		return nil, err
	}
	if err = d.use(ctx, false); err != nil {
		return nil, err
	}
	if err = d.fill(ctx, sizes); err != nil {
		return nil, err
	}
	d.lister, err = connect(ctx, d.real.address, d.member) // after the filling: a server closes connections that say nothing
	return d, err
}

func (d *deliveriesWorld) close() error {
	d.vendor.Base().Close()
	if d.lister != nil {
		d.lister.close()
	}
	if d.world == nil {
		return nil
	}
	return d.world.close()
}

// use has the integration used, or not.
func (d *deliveriesWorld) use(ctx context.Context, enabled bool) error {
	c, err := connect(ctx, d.real.address, d.member)
	if err != nil {
		return err
	}
	defer c.close()
	return c.do(http.MethodPatch, "/api/v1/integrations/"+d.integration+"/status", fmt.Sprintf(`{"enabled":%t}`, enabled), http.StatusOK, nil)
}

// fill makes the tickets, and waits until nothing holds them but that the integration is not used.
func (d *deliveriesWorld) fill(ctx context.Context, sizes deliverySizes) error {
	numbers, errs := make(chan int), make([]error, deliveryClients)
	var work sync.WaitGroup
	for n := range errs {
		work.Go(func() { errs[n] = d.make(ctx, numbers, sizes.file) })
	}
	for n := range sizes.tickets {
		numbers <- n
	}
	close(numbers)
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return d.await(ctx, fmt.Sprintf("%d tickets wait", sizes.tickets), func() (bool, error) {
		var held int
		err := d.pool.QueryRow(ctx, `SELECT count(*) FROM delivery_queue WHERE due_at = 'infinity'`).Scan(&held)
		return held == sizes.tickets, err
	})
}

// make makes a ticket with a file for each number. All numbers are taken even after an error: somebody hands them out.
func (d *deliveriesWorld) make(ctx context.Context, numbers <-chan int, size int) error {
	c, err := connect(ctx, d.real.address, d.member)
	if err == nil {
		defer c.close()
	}
	for n := range numbers {
		var file string
		if err == nil {
			file, err = c.upload(fmt.Sprintf("report%d.dat", n), noise(size))
		}
		if err == nil {
			_, err = c.create("/api/v1/tickets", newTicket(`,"integration_id":"`+d.integration+`","attachments":[{"file_id":"`+file+`"}]`))
		}
	}
	return err
}

// list lists the newest tickets, as the page does that people look at.
func (d *deliveriesWorld) list(context.Context, int) error {
	return d.lister.do(http.MethodGet, "/api/v1/tickets?limit=50", "", http.StatusOK, nil)
}

// deliver has everything delivered, and answers how long it took, and how long lists took meanwhile.
func (d *deliveriesWorld) deliver(ctx context.Context, sizes deliverySizes) (took time.Duration, lists sample, err error) {
	if err := settle(ctx, d.pool); err != nil {
		return 0, lists, err
	}
	there, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	var listed []time.Duration
	var failed error
	work.Go(func() {
		ticker := time.NewTicker(listEvery)
		defer ticker.Stop()
		for there.Err() == nil && failed == nil {
			begun := time.Now()
			failed = d.list(there, 0)
			listed = append(listed, time.Since(begun))
			<-ticker.C
		}
	})
	defer work.Wait()
	defer stop()
	begun := time.Now()
	if err := d.use(ctx, true); err != nil {
		return 0, lists, err
	}
	err = d.await(ctx, "everything is there", func() (bool, error) {
		made, files := d.count()
		if made > sizes.tickets || files > sizes.tickets {
			return false, fmt.Errorf("%d tickets and %d files are there, of %d", made, files, sizes.tickets)
		}
		return files == sizes.tickets, nil
	})
	took = time.Since(begun)
	stop()
	work.Wait()
	if invalid := d.vendor.Base().Invalid(); len(invalid) > 0 {
		err = errors.Join(err, fmt.Errorf("a request that is not valid: %s", invalid[0]))
	}
	return took, summary(listed, took), errors.Join(err, failed)
}

// count answers how many tickets and files are with the vendor.
func (d *deliveriesWorld) count() (tickets, files int) {
	for _, t := range d.vendor.Tickets() {
		tickets++
		files += len(t.Files)
	}
	return tickets, files
}

// await waits for a condition.
func (d *deliveriesWorld) await(ctx context.Context, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		done, err := condition()
		if done || err != nil {
			return err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; the server said: %s", what, ctx.Err(), d.real.log)
		}
	}
}
