package service

import "embed"

// Pages are the operators' pages that are of no single room.
//
//go:embed pages/*.html
var Pages embed.FS

// Texts are the texts of those pages.
//
//go:embed texts.yaml
var Texts []byte
