package main

import (
	"github.com/spf13/cobra"

	"mohr/cmd/mohr/service"
)

func refregistryCommand() *cobra.Command {
	var people, listen, keyOut string
	var shops bool
	c := &cobra.Command{
		Use: "refregistry", Short: "Serve the reference registry alone: simulated people over real HTTP",
		Example: "  mohr refregistry --people people.json --listen 127.0.0.1:7070 --public-key registry.pem", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return service.ServeRegistry(c.Context(), c.OutOrStdout(), people, listen, keyOut, shops)
		},
	}
	c.Flags().StringVar(&people, "people", "", "people file (JSON); default the people that come with the program")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:7070", "address")
	c.Flags().BoolVar(&shops, "shops", false, "serve the simulated shops too, and two name servers that know them, each on a port of its own")
	c.Flags().StringVar(&keyOut, "public-key", "registry.pem", "file for the key its answers verify under")
	return c
}
