package enroll

import "embed"

// Pages are the pages of this room.
//
//go:embed pages/*.html
var Pages embed.FS

// Texts are the texts of the pages, the messages and the faults of this room.
//
//go:embed texts.yaml
var Texts []byte
