// Package register names the generators that are built in: none.
package register
