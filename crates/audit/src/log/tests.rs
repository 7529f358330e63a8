mod chain;
mod disk;
mod fixture;
mod workers;
