package file

import (
	"net/url"

	"ticketd/domain"
)

// URL is where the bytes of an upload can be had, below the address of the API.
func URL(id domain.FileID, filename string) string {
	return "/api/v1/files/" + id.String() + "/storage/" + url.PathEscape(filename)
}

// BlobKey names the bytes of an upload in the store: by what they are, so that an organization keeps the same bytes once.
func BlobKey(org domain.OrgID, contentHash string) string { return org.String() + "/" + contentHash }

// QuarantineKey names bytes that nobody gets.
func QuarantineKey(org domain.OrgID, contentHash string) string {
	return "quarantine/" + org.String() + "/" + contentHash
}
