# bash-completion takes the options from what --help says.
complete -F _longopt train_mlp predict
