package merchant

import "embed"

// Pages holds this room's pages.
//
//go:embed pages/*.html
var Pages embed.FS

// Texts holds the words of the pages and faults, in Persian and English.
//
//go:embed texts.yaml
var Texts []byte
