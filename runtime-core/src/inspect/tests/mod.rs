mod answers;
mod connection;
