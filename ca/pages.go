package ca

import "embed"

// Pages are this room's pages/*.html.
//
//go:embed pages/*.html
var Pages embed.FS
