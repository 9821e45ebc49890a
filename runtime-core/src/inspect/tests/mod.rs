mod answers;
mod connection;
mod server;
mod socket;
