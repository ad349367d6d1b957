package teams

import "time"

// At has the platform go by another clock.
func (p *Platform) At(now func() time.Time) { p.now = now }

// What the tests look into.
var (
	TextOf     = textOf
	Paragraph  = paragraph
	Fitted     = fitted
	StatusIn   = statusIn
	WithStatus = withStatus
)
