package ledger

import "embed"

// Pages are the pages of the log, pages/*.html.
//
//go:embed pages/*.html
var Pages embed.FS
