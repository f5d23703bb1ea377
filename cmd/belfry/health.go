package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// healthCommand is for container health checks: the image has no shell and no
// curl.
func healthCommand(p *cli.Program) *cobra.Command {
	var (
		target  string
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:    "health",
		Hidden: true,
		Short:  "Exit with 0 if a URL answers with 2xx, and 1 otherwise",
		Example: `  belfry health
  belfry health --url http://127.0.0.1:8080/readyz`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u, err := url.Parse(target)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				return cli.FlagErrorf("url", "must be an http(s) URL, not %.80q", target)
			}
			if timeout <= 0 {
				return cli.FlagErrorf("timeout", "must be above 0, is %s", timeout)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return checkHealth(ctx, target)
		},
	}
	c.Flags().StringVar(&target, "url", "http://"+options.DefaultAddr+"/healthz", "what to ask")
	c.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait for the answer")
	return c
}

func checkHealth(ctx context.Context, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", target, err)
	}
	// No proxy of the environment: the answer has to be this process's own.
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("check health: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("check health: %s answered %s", target, res.Status)
	}
	return nil
}
