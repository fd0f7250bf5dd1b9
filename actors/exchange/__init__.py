"""The exchange actor and its message-shaped `Venue` port: the only actors that know a venue."""
