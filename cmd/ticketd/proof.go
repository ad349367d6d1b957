package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"ticketd/adapters/auth"
	"ticketd/adapters/http"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

func proofCommand() *cobra.Command {
	return &cobra.Command{
		Use: "proof TICKET_ID", Short: "Print the proof that a ticket's events are in the signed log", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return fmt.Errorf("%q is no id of a ticket: %w", args[0], err)
			}
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				proof, err := p.prove(ctx, ticket.ID{UUID: id})
				if err != nil {
					return err
				}
				document := json.NewEncoder(cmd.OutOrStdout())
				document.SetIndent("", "  ")
				document.SetEscapeHTML(false)
				return document.Encode(proof)
			})
		},
	}
}

// prove makes the proof for a ticket of whatever organization: who runs the program may read its database.
func (p *program) prove(ctx context.Context, id ticket.ID) (http.TicketProof, error) {
	org, number, err := p.tickets.FindAnywhere(ctx, id)
	if errors.Is(err, projections.ErrNoTicket) {
		return http.TicketProof{}, fmt.Errorf("there is no ticket %s", id)
	}
	if err != nil {
		return http.TicketProof{}, err
	}
	proof, err := p.signedLog.Prove(ctx, org.UUID, id.UUID)
	if err != nil {
		return http.TicketProof{}, err
	}
	return http.NewTicketProof(id, number, proof, p.signedLog.Signer.HeadKey), nil
}

func keyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the public key that the log is signed with", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig()
			if err != nil {
				return err
			}
			_, encryptionKey, err := auth.Secrets(c.DataDir, c.Environment, c.JWTSecret, c.EncryptionKey)
			if err != nil {
				return err
			}
			signer, err := eventstore.NewHeadSigner(encryptionKey)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n%s", signer.HeadKey, signer.PEM())
			return nil
		},
	}
}
