# Flags with a point in their names: argparse of fish refuses them, so they are an underscore there.
/parse_subcommand (-r )?[0-9]/s/\./_/g
s/string replace -a - _ --/string replace -ra "[-.]" _ --/
s/^( *commandline (--tokens-raw|-o) \$argv)$/\1 | string replace -r "^(--[^=.]*)[.]" '$1_' | string replace -r "^(--[^=.]*)[.]" '$1_'/
