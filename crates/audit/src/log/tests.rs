mod chain;
mod disk;
mod find;
mod fixture;
mod since;
mod workers;
