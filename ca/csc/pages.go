package csc

import "embed"

// Pages are this room's templates on the base layout of internal/web.
//
//go:embed pages/*.html
var Pages embed.FS

// Texts are the texts of this room's pages, and the Persian texts of its faults.
//
//go:embed texts.yaml
var Texts []byte
