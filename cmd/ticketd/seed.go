package main

import (
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"ticketd/adapters/auth"
	"ticketd/commands"
	"ticketd/eventstore"
	"ticketd/projections"
)

// twoYears is how far back the first ticket was written.
const twoYears = 2 * 365 * 24 * time.Hour

var (
	errSeedHere     = errors.New("seed fills development and test databases alone: ENVIRONMENT says that this is another")
	errSeedNotEmpty = errors.New("the log holds events already; --add puts more beside them")
	errSeedCounts   = errors.New("seed needs at least one organization, a ticket for each, and one event a ticket")
)

// seedOptions is what the command line says.
type seedOptions struct {
	tickets, organizations, perTicket int
	seed                              uint64
	add                               bool
}

func seedCommand() *cobra.Command {
	var o seedOptions
	seed := &cobra.Command{
		Use: "seed", Short: "Fill a development database with tickets", Args: cobra.NoArgs,
		Long: `Fill a development or test database with organizations, people and tickets that were worked on for two years.
Everything is an event, as if it had happened: sealed, chained and verifiable. The same --seed makes the same tickets.
It prints an API token of an admin of the biggest organization, and on stderr how to sign in as that admin.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				return p.seed(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	seed.Flags().IntVar(&o.tickets, "tickets", 10_000, "how many tickets")
	seed.Flags().IntVar(&o.organizations, "organizations", 20, "how many organizations; the biggest has a fifth of the tickets or more")
	seed.Flags().IntVar(&o.perTicket, "events-per-ticket", 4, "how many events a ticket has on average")
	seed.Flags().Uint64Var(&o.seed, "seed", 1, "another number makes other tickets")
	seed.Flags().BoolVar(&o.add, "add", false, "add to a log that holds events already")
	return seed
}

// seeder makes up what happened. Commands decide it, as they decide everything.
type seeder struct {
	log       *eventstore.Bulk
	accounts  commands.Accounts
	tickets   commands.Tickets
	numbers   inMemory
	random    *rand.Rand
	words     *vocabulary
	at        time.Time
	password  string
	suffix    string // of names, so that those of another run are others
	perTicket int
	head      int64 // of the log, before
}

// seed fills the database and prints who can look at it.
func (p *program) seed(ctx context.Context, o seedOptions, out, said io.Writer) error {
	s, err := p.newSeeder(ctx, o)
	if err != nil {
		return err
	}
	end := time.Now()
	crews, err := s.foundAll(ctx, end.Add(-twoYears), sizes(o.tickets, o.organizations))
	if err != nil {
		return err
	}
	shown := newProgress(said, "seed", "tickets")
	if err := s.live(ctx, crews, end, shown); err != nil {
		return err
	}
	s.setTime(end)
	biggest := crews[0]
	token, _, err := s.accounts.CreateToken(ctx, s.request(biggest.org, biggest.admin), s.newID(), tourTokenName, tourTokenDays)
	if err != nil {
		return err
	}
	if err := s.log.Flush(ctx); err != nil {
		return err
	}
	shown.end()
	if err := p.moveNumbers(ctx, s.numbers); err != nil {
		return err
	}
	if err := p.passOver(ctx, s.head, s.log.Written()); err != nil {
		return err
	}
	fmt.Fprintln(said, "seed: vacuum and analyze")
	if _, err := p.pool.Exec(ctx, "VACUUM (ANALYZE) "+seededTables); err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	fmt.Fprintf(said, "sign in as %s with the password %s\n", biggest.username, s.password)
	fmt.Fprintln(out, token)
	return nil
}

func (p *program) newSeeder(ctx context.Context, o seedOptions) (*seeder, error) {
	if !slices.Contains([]string{"development", "test"}, p.config.Environment) {
		return nil, errSeedHere
	}
	if o.organizations < 1 || o.tickets < o.organizations || o.perTicket < 1 {
		return nil, errSeedCounts
	}
	head, err := p.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head > 0 && !o.add {
		return nil, errSeedNotEmpty
	}
	names, err := auth.NewLogins(p.encryptionKey)
	if err != nil {
		return nil, err
	}
	secrets, err := auth.NewTokenSecrets(p.encryptionKey)
	if err != nil {
		return nil, err
	}
	s := &seeder{
		log: p.store.Bulk(projections.Fill(p.projections)), numbers: inMemory{}, password: developmentPassword(p.encryptionKey), perTicket: o.perTicket, head: head,
		random: rand.New(rand.NewPCG(o.seed, uint64(head))), //nolint:gosec // it shall be repeatable
	}
	if head > 0 {
		s.suffix = "." + strconv.FormatInt(head, 36)
	}
	hash, err := auth.NewPasswords(p.config.passwordCost).Hash(ctx, s.password)
	if err != nil {
		return nil, err
	}
	s.words = newVocabulary(s.random)
	s.accounts = commands.NewAccounts(s.log, oneHash(hash), names, secrets, p.config.Environment, func() time.Time { return s.at })
	s.tickets = commands.NewTickets(s.log, everybody{}, everybody{}, s.numbers)
	return s, nil
}

// sizes answers how many tickets each organization has: few have many, most have few, all have one at least.
func sizes(tickets, organizations int) []int {
	weights := make([]float64, organizations)
	rest := 0.0
	for i := 1; i < organizations; i++ {
		weights[i] = 1 / float64(i+8)
		rest += weights[i]
	}
	weights[0] = max(rest/4, 0.2) // a fifth of all, and more than the next in any case
	sizes, left := make([]int, organizations), tickets-organizations
	for i := organizations - 1; i > 0; i-- {
		sizes[i] = 1 + int(weights[i]/(rest+weights[0])*float64(tickets-organizations))
		left -= sizes[i] - 1
	}
	sizes[0] = 1 + left
	return sizes
}

// foundAll makes the organizations, the biggest first.
func (s *seeder) foundAll(ctx context.Context, start time.Time, sizes []int) (map[int]*crew, error) {
	s.setTime(start)
	crews := make(map[int]*crew, len(sizes))
	for i, tickets := range sizes {
		c, err := s.found(ctx, i, tickets)
		if err != nil {
			return nil, err
		}
		crews[i], c.tickets = c, tickets
	}
	return crews, nil
}

// live lets all tickets be written, one after the other over the years, and what happens to each in between.
func (s *seeder) live(ctx context.Context, crews map[int]*crew, end time.Time, shown *progress) error {
	var order []uint32
	for i := range len(crews) {
		order = append(order, slices.Repeat([]uint32{uint32(i)}, crews[i].tickets)...)
	}
	s.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var going lives
	start := s.at
	for n, of := range order {
		opened := start.Add(time.Duration(float64(end.Sub(start)) * float64(n) / float64(len(order))))
		if err := s.until(ctx, &going, opened); err != nil {
			return err
		}
		s.setTime(opened)
		l, err := s.open(ctx, crews[int(of)])
		if err != nil {
			return err
		}
		s.goesOn(&going, l, s.schedule(l))
		shown.at(int64(n), int64(len(order)))
	}
	shown.at(int64(len(order)), int64(len(order)))
	return s.until(ctx, &going, end)
}

// until lets happen what happens before a moment.
func (s *seeder) until(ctx context.Context, going *lives, moment time.Time) error {
	for going.Len() > 0 && (*going)[0].next.Before(moment) {
		l, _ := heap.Pop(going).(*life) // nothing else is pushed
		s.setTime(l.next)
		more, err := s.advance(ctx, l)
		if err != nil {
			return err
		}
		s.goesOn(going, l, more)
	}
	return nil
}

func (s *seeder) goesOn(going *lives, l *life, more bool) {
	if more {
		heap.Push(going, l)
	} else {
		s.log.End(l.id.UUID)
	}
}

func (s *seeder) setTime(at time.Time) {
	s.at = at
	s.log.At(at)
}

func (s *seeder) pass(d time.Duration) { s.setTime(s.at.Add(d)) }

// newID makes a UUIDv7 of the moment that is told of, so that ids sort as if it had been then.
func (s *seeder) newID() uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(s.at.UnixMilli())<<16|s.random.Uint64N(1<<12))
	binary.BigEndian.PutUint64(id[8:], s.random.Uint64())
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// moveNumbers lets the next ticket of each organization have the next number.
func (p *program) moveNumbers(ctx context.Context, numbers inMemory) error {
	var orgs [][16]byte
	var last []int64
	for org, number := range numbers {
		orgs, last = append(orgs, org.UUID), append(last, number)
	}
	_, err := p.pool.Exec(ctx, `
		INSERT INTO ticket_numbers (org_id, last) SELECT * FROM unnest($1::uuid[], $2::bigint[])
		ON CONFLICT (org_id) DO UPDATE SET last = greatest(ticket_numbers.last, excluded.last)`, orgs, last)
	if err != nil {
		return fmt.Errorf("move the ticket numbers: %w", err)
	}
	return nil
}

// passOver lets what follows the log begin behind the seeded events: their rows are written, and nothing is to follow
// from what never happened. It does not when others wrote meanwhile: their events must be followed.
func (p *program) passOver(ctx context.Context, before, seeded int64) error {
	head, err := p.store.Head(ctx)
	if err != nil {
		return err
	}
	var followers []string
	for _, view := range p.projections {
		if view.Handle != nil {
			followers = append(followers, view.Name)
		}
	}
	for name := range p.reactions.Handlers() {
		followers = append(followers, name)
	}
	_, err = p.pool.Exec(ctx, `
		INSERT INTO checkpoints AS c (name, position) SELECT name, $3 FROM unnest($1::text[]) AS name
		WHERE (SELECT count(*) FROM events WHERE position > $2) = $4
		ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE c.position >= $2`, followers, before, head, seeded)
	if err != nil {
		return fmt.Errorf("move the checkpoints: %w", err)
	}
	return nil
}

// seededTables are those that a list reads: PostgreSQL shall know at once what they hold.
const seededTables = "tickets, ticket_tags, ticket_search, comments, users, events"
